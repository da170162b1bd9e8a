import { Buffer } from "node:buffer";
import fc from "../../support/fast-check.js";
import { delimited } from "../../../src/index.js";
import { cutBy, cutsOf, messagesIn, sentBy, thrownBy } from "../../support/codecs/cuts.js";

test.each([
  ["a byte", "\0", "one\0\0three\0", ["one", "", "three"]],
  ["two bytes", "\r\n", "one\r\n\r\r\n\n\r\n", ["one", "\r", "\n"]],
  ["bytes that repeat", "aba", "abaxabaababa", ["", "x", ""]],
  ["text", "é", "aébé", ["a", "b"]],
])("a delimiter of %s", (_, delimiter, stream, messages) => {
  for (const end of [delimiter, Buffer.from(delimiter), new Uint8Array(Buffer.from(delimiter))]) {
    for (const pieces of cutsOf(Buffer.from(stream))) {
      const found = messagesIn(delimited(end), pieces);
      expect(found.messages.map(String)).toEqual(messages);
    }
  }
});

test("a message without its delimiter is not whole, and it is not known how much is missing", () => {
  const codec = delimited("\r\n");
  for (const bytes of ["", "a", "a\r", "a\n\r"]) expect(codec.decode(Buffer.from(bytes))).toBeUndefined();
  expect(codec.decode(Buffer.from("a\r\nb"))).toEqual({ message: Buffer.from("a"), size: 3 });
});

test("a message is in memory of its own", () => {
  for (const size of [3, 1_000]) {
    const bytes = Buffer.concat([Buffer.alloc(size, 1), Buffer.from("\0more")]);
    const decoded = delimited("\0").decode(bytes);
    if (typeof decoded !== "object") throw new Error("not whole");
    expect(decoded.message.buffer).not.toBe(bytes.buffer);
    expect(decoded.message.buffer.byteLength).toBe(size);
  }
});

test("text, views and lists are one message each, with the delimiter after it", () => {
  const codec = delimited("\r\n");
  expect(sentBy(codec, "é").toString()).toBe("é\r\n");
  expect(sentBy(codec, ["a", "", Buffer.from("b"), Uint8Array.of(99).buffer]).toString()).toBe("abc\r\n");
  expect(sentBy(codec, [])).toEqual(Buffer.from("\r\n"));
  expect(sentBy(codec, "")).toEqual(Buffer.from("\r\n"));
  for (const message of [undefined, null, 5, {}, [1]])
    expect(() => codec.encode(message as string)).toThrow(TypeError);
});

test.each([
  ["has the delimiter in it", "\r\n", "a\r\nb"],
  ["is the delimiter", "\r\n", "\r\n"],
  ["has it in two parts", "\r\n", ["a\r", "\nb"]],
  ["has it in bytes of text", "é", [Buffer.of(0xc3), Buffer.of(0xa9)]],
  ["makes one with the beginning of the real one", "\r\r", "a\r"],
  ["does so with more of it", "abab", "xab"],
  ["is shorter than it, and does so", "aaa", "a"],
  ["is shorter than it, and does so with its first byte", "aabaa", "aab"],
])("a message that %s is refused, since the peer would read something else", (_, delimiter, message) => {
  const error = thrownBy(() => delimited(delimiter).encode(message));
  expect(error).toBeInstanceOf(TypeError);
  expect(error.code).toBe("ERR_INVALID_ARG_VALUE");
  expect(error.message).toMatch(
    /^"message" must be data in which the delimiter does not begin; received an? \w+/,
  );
});

test("a message that ends like the delimiter begins is sent, where the peer can tell", () => {
  expect(sentBy(delimited("\r\n"), "a\r").toString()).toBe("a\r\r\n");
  expect(sentBy(delimited("abc"), "ab").toString()).toBe("ababc");
});

test("the delimiter is the codec's own", () => {
  const given = Buffer.from("\r\n");
  const codec = delimited(given);
  given.fill(0);
  const [, sent] = codec.encode("a") as readonly Buffer[];
  sent?.fill(0);
  expect(sentBy(codec, "a").toString()).toBe("a\r\n");
  expect(codec.decode(Buffer.from("a\r\n"))).toMatchObject({ size: 3 });
});

test("wrong delimiters are refused", () => {
  const wrong = delimited as (delimiter?: unknown) => unknown;
  for (const delimiter of [
    undefined,
    null,
    10,
    {},
    ["\n"],
    "",
    Buffer.alloc(0),
    new Uint16Array(1),
    new ArrayBuffer(1),
  ])
    expect(() => wrong(delimiter)).toThrow(TypeError);
});

// Few different bytes, so that messages have much in common with the delimiter.
const few = (most: number, least = 0) =>
  fc.array(fc.constantFrom(97, 98), { minLength: least, maxLength: most }).map((bytes) => Buffer.from(bytes));

test("what is sent arrives, however the stream is cut; what would not is refused", () => {
  let refused = 0;
  let sent = 0;
  fc.assert(
    fc.property(
      few(4, 1),
      fc.array(few(8), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
      (delimiter, messages, sizes) => {
        const codec = delimited(delimiter);
        const good = messages.filter(
          (message) => Buffer.concat([message, delimiter]).indexOf(delimiter) === message.length,
        );
        for (const message of messages) {
          if (good.includes(message)) continue;
          expect(() => codec.encode(message)).toThrow(TypeError);
          refused++;
        }
        const stream = Buffer.concat(good.map((each) => sentBy(codec, each)));
        expect(messagesIn(codec, cutBy(stream, sizes))).toEqual({ messages: good, left: 0 });
        sent += good.length;
      },
    ),
  );
  expect(refused).toBeGreaterThan(0);
  expect(sent).toBeGreaterThan(0);
});

test("any bytes are messages, or the beginning of one", () => {
  fc.assert(
    fc.property(few(4, 1), few(200), (delimiter, bytes) => {
      const { messages, left } = messagesIn(delimited(delimiter), [bytes]);
      const read = messages.reduce((sum, { length }) => sum + length + delimiter.length, 0);
      expect(read + left).toBe(bytes.length);
    }),
  );
});
