/** The codecs of this library over a connection: what only `framed` and a codec together can show. */
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import {
  delimited,
  framed,
  jsonLines,
  NetError,
  varintPrefix,
  type Codec,
  type Connection,
} from "../../../src/index.js";
import { memoryPair } from "../../../src/testing/memory-pair.js";
import { errorOf } from "../../support/outcomes.js";

let a: Connection;
let b: Connection;

beforeEach(() => {
  [a, b] = memoryPair();
});

afterEach(() => {
  a.reset();
  b.reset();
});

test.each([
  ["varintPrefix", varintPrefix(), [Buffer.alloc(0), Buffer.from("two"), Buffer.alloc(200_000, 3)]],
  ["delimited", delimited("\r\n"), [Buffer.alloc(0), Buffer.from("two"), Buffer.alloc(200_000, 3)]],
  ["jsonLines", jsonLines(), [{ one: 1 }, null, "x".repeat(200_000), ["é"]]],
] as const)("%s: what is sent is received, until the end of the stream", async (_, codec, messages) => {
  const sender = framed<unknown, unknown>(a, codec);
  const sending = (async () => {
    for (const message of messages) await sender.send(message);
    await a.closeWrite();
  })();
  const received: unknown[] = [];
  for await (const message of framed<unknown, unknown>(b, codec)) received.push(message);
  expect(received).toEqual(messages);
  await sending;
});

test.each([
  ["varintPrefix", varintPrefix(), "abc", "abcd"],
  ["delimited", delimited("\r\n"), "abc", "abcd"],
  ["jsonLines", jsonLines<string>(), "a", "é"],
] as const)(
  "%s: a message over the limit is not sent, and the limit does not count what is added",
  async (_, codec, fits, tooLong) => {
    const messages = framed<unknown, string>(a, codec, { limit: 3 });
    await messages.send(fits);
    const error = await errorOf(messages.send(tooLong));
    expect(error).toMatchObject({ code: "ERR_LIMIT", operation: "write", written: "nothing" });
    expect(error).toBeInstanceOf(NetError);
    await a.closeWrite();
    const sent = await b.readAll();
    expect(sent.length).toBe(
      Buffer.concat([codec.encode(fits as never)].flat().map((part) => Buffer.from(part as string))).length,
    );
  },
);

test("a message that a codec refuses is not sent, and the error says why", async () => {
  const refused = [
    framed(a, delimited("\r\n")).send("secret\r\nQUIT"),
    framed(a, jsonLines()).send({ secret: 1n }),
    framed(a, varintPrefix()).send({} as string),
  ];
  for (const promise of refused) {
    const error = await errorOf(promise);
    expect(error).toBeInstanceOf(TypeError);
    expect(inspect(error)).not.toMatch(/secret\b[^.(]*QUIT|property/);
  }
  await a.closeWrite();
  expect(await b.readAll()).toHaveLength(0);
});

test.each([
  ["a line that is not JSON", jsonLines(), "{secret}\n", /a line of 8 bytes is not JSON/],
  ["a varint that does not end", varintPrefix(), Buffer.alloc(11, 0xff), /a varint that does not end/],
] as const)(
  "%s fails the read, which says why and shows nothing; the bytes stay unread",
  async (_, codec, bytes, reason) => {
    const messages = framed<unknown, never>(a, codec);
    await b.write(bytes);
    for (let times = 0; times < 2; times++) {
      const error = await errorOf(messages.receive());
      expect(error).toBeInstanceOf(NetError);
      expect(error).toMatchObject({
        code: "ERR_INVALID_MESSAGE",
        operation: "read",
        message: expect.stringMatching(reason) as string,
        cause: expect.objectContaining({ code: "ERR_INVALID_MESSAGE" }) as Error,
      });
      expect(error.message + (error.cause as Error).message).not.toMatch(/secret/);
    }
    expect(await a.readExactly(bytes.length)).toEqual(Buffer.from(bytes as string));
  },
);

test("a line that is not JSON can be read past", async () => {
  const messages = framed(a, jsonLines<number>());
  await b.write("1\nnot JSON\n2\n");
  expect(await messages.receive()).toBe(1);
  expect(await errorOf(messages.receive())).toMatchObject({ code: "ERR_INVALID_MESSAGE" });
  expect(await a.readLine()).toBe("not JSON");
  expect(await messages.receive()).toBe(2);
});

test("blank lines before the end of the stream are no message; a line without its end is cut off", async () => {
  const messages = framed(a, jsonLines<number>());
  await b.write("1\n\r\n\n");
  await b.closeWrite();
  expect(await messages.receive()).toBe(1);
  expect(await messages.receive()).toBeNull();

  const [c, d] = memoryPair();
  await d.write("1\n\n12");
  await d.closeWrite();
  const others = framed(c, jsonLines<number>());
  expect(await others.receive()).toBe(1);
  expect(await errorOf(others.receive())).toMatchObject({ code: "ERR_UNEXPECTED_EOF" });
  c.reset();
  d.reset();
});

test("in a codec that is made of jsonLines, blank lines belong to the line behind them", async () => {
  const own = { ...jsonLines<number>() };
  const messages = framed(a, own, { limit: 8 });
  await b.write("\n\n1\n\r\n\n");
  await b.closeWrite();
  expect(await messages.receive()).toBe(1);
  expect(await errorOf(messages.receive())).toMatchObject({ code: "ERR_UNEXPECTED_EOF" });

  const [c, d] = memoryPair();
  await d.write("\n\n\n\n\n\n\n1\n");
  expect(await errorOf(framed(c, own, { limit: 8 }).receive())).toMatchObject({
    code: "ERR_LIMIT",
  });
  expect(await framed(c, jsonLines<number>(), { limit: 8 }).receive()).toBe(1);
  c.reset();
  d.reset();
});

test("a receive that times out has consumed nothing of a message", async () => {
  for (const [codec, first, second, message] of [
    [varintPrefix(), "\x05he", "llo", Buffer.from("hello")],
    [delimited("\r\n"), "hello\r", "\n", Buffer.from("hello")],
    [jsonLines(), '\n"hel', 'lo"\n', "hello"],
  ] as const) {
    const messages = framed<unknown, never>(a, codec);
    await b.write(first);
    expect(await errorOf(messages.receive({ timeout: 5 }))).toMatchObject({ code: "ETIMEDOUT" });
    await b.write(second);
    expect(await messages.receive()).toEqual(message);
  }
});

test("codecs cannot be changed; one that is made out of another does as it says", async () => {
  const codec = delimited("\n");
  expect(Object.isFrozen(codec)).toBe(true);
  const shouting: Codec<string> = {
    encode: (text) => codec.encode(text),
    decode(bytes) {
      const found = codec.decode(bytes);
      return typeof found === "object"
        ? { ...found, message: found.message.toString().toUpperCase() }
        : found;
    },
  };
  await b.write("hello\n");
  expect(await framed(a, shouting).receive()).toBe("HELLO");
});

test("one codec serves several connections", async () => {
  const codec = delimited("\n");
  const [c, d] = memoryPair();
  const [one, other] = [framed(a, codec), framed(c, codec)];
  await b.write("begun he");
  await d.write("begun th");
  expect(await errorOf(one.receive({ timeout: 0 }))).toMatchObject({ code: "ETIMEDOUT" });
  expect(await errorOf(other.receive({ timeout: 0 }))).toMatchObject({ code: "ETIMEDOUT" });
  await d.write("ere\n");
  await b.write("re\n");
  expect(String(await one.receive())).toBe("begun here");
  expect(String(await other.receive())).toBe("begun there");
  c.reset();
  d.reset();
});
