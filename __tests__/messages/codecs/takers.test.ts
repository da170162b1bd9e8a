/** What `framed` takes directly out of the queue is what `decode` would find. Over a queue, without a connection. */
import { Buffer } from "node:buffer";
import { jest } from "@jest/globals";
import fc from "../../support/fast-check.js";
import { delimited, jsonLines, lengthPrefix, varintPrefix, type Codec } from "../../../src/index.js";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { END, type Taker } from "../../../src/core/reading/messages.js";
import { Refusal, WAIT } from "../../../src/core/reading/reads.js";
import { directOf } from "../../../src/messages/direct.js";
import { cutBy } from "../../support/codecs/cuts.js";

/** Small, so that few bytes make many blocks. */
const SMALL_BLOCKS = 8;

/** Above all that the streams below can have in them. */
const LIMIT = 2 ** 30;

interface Outcome {
  readonly messages: unknown[];
  readonly stop: "wait" | "end" | Refusal["code"];
}

function takerOf(codec: Codec<unknown, never>, limit = LIMIT): Taker<unknown> {
  const direct = directOf(codec);
  if (direct === undefined) throw new Error("the codec has no direct way");
  return direct.takerFor(limit);
}

/** Takes messages until one fails. Whatever happens, no byte of a message that is refused is taken. */
function taken(codec: Codec<unknown, never>, pieces: readonly Buffer[], ended: boolean): Outcome {
  const taker = takerOf(codec);
  const queue = new ByteQueue(SMALL_BLOCKS);
  const messages: unknown[] = [];
  const takeAll = (isLast: boolean): Outcome["stop"] => {
    for (;;) {
      const message = taker.take(queue, isLast);
      if (message === WAIT) return "wait";
      if (message === END) return "end";
      if (message instanceof Refusal) return message.code;
      messages.push(message);
    }
  };
  let stop: Outcome["stop"] = "wait";
  for (const piece of pieces) {
    queue.copy(piece, piece.length);
    stop = takeAll(false);
    if (stop !== "wait") return { messages, stop };
  }
  return ended ? { messages, stop: takeAll(true) } : { messages, stop };
}

/** The same, computed with `decode` over the whole stream. */
function decoded(
  codec: Codec<unknown, never>,
  stream: Buffer,
  isNothing: (left: Buffer) => boolean,
  ended: boolean,
) {
  const messages: unknown[] = [];
  for (let at = 0; ;) {
    const left = stream.subarray(at);
    let found: ReturnType<typeof codec.decode>;
    try {
      found = codec.decode(left);
    } catch {
      return { messages, stop: "ERR_INVALID_MESSAGE" };
    }
    if (typeof found !== "object") {
      if (found !== undefined && found > LIMIT) return { messages, stop: "ERR_LIMIT" };
      return { messages, stop: !ended ? "wait" : isNothing(left) ? "end" : "ERR_UNEXPECTED_EOF" };
    }
    messages.push(found.message);
    at += found.size;
  }
}

const bytesOf = (values: readonly number[]) =>
  fc.array(fc.constantFrom(...values), { maxLength: 80 }).map((bytes) => Buffer.from(bytes));

const isEmpty = (left: Buffer) => left.length === 0;
const isBlank = (left: Buffer) => /^(?:[ \t\r]*\n)*$/.test(left.toString("latin1"));

describe.each([
  ["varintPrefix", varintPrefix(), bytesOf([0, 1, 2, 3, 0x80, 0x80, 0x80, 0x81, 0xff]), isEmpty],
  ["delimited by a byte", delimited("b"), bytesOf([97, 97, 98]), isEmpty],
  ["delimited by bytes that repeat", delimited("abab"), bytesOf([97, 98]), isEmpty],
  ["jsonLines", jsonLines(), bytesOf([...Buffer.from("\n\n\n\r 11[]")]), isBlank],
] as const)("%s", (_, codec, streams, isNothing) => {
  test("the messages are those that decode finds, however the stream is cut, and so is the end", () => {
    const stops = new Set<string>();
    fc.assert(
      fc.property(
        streams,
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 9 }),
        fc.boolean(),
        (stream, sizes, ended) => {
          const outcome = taken(codec, cutBy(stream, sizes), ended);
          expect(outcome).toEqual(decoded(codec, stream, isNothing, ended));
          stops.add(outcome.stop);
        },
      ),
      { numRuns: 300 },
    );
    expect([...stops]).toEqual(expect.arrayContaining(["wait", "end", "ERR_UNEXPECTED_EOF"]));
  });
});

test("a message that spans many blocks is one message, in memory of its own", () => {
  const queue = new ByteQueue(SMALL_BLOCKS);
  const stream = Buffer.from(`${"x".repeat(300)}\r\nnext\r\n`);
  for (const byte of stream) queue.copy(Buffer.of(byte), 1);
  const taker = takerOf(delimited("\r\n"));
  expect(taker.take(queue, false)).toEqual(Buffer.from("x".repeat(300)));
  const next = taker.take(queue, false) as Buffer;
  expect(next.toString()).toBe("next");
  expect(next.buffer.byteLength).toBe(4);
});

test("a limit counts neither the length nor the delimiter, and what is over it stays in the queue", () => {
  const json = jsonLines();
  for (const [codec, fits, tooLong] of [
    [varintPrefix(), "\x03abc", "\x04abcd"],
    [varintPrefix(), "\x83\0abc", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"],
    [delimited("\r\n"), "abc\r\n", "abcd\r\n"],
    [delimited("\r\n"), "abc\r\n", "abc\rd"],
    [json, "123\n", "1234\n"],
    [json, "\n\n\n\n\n123\n", "\n\n\n\n\n1234"],
  ] as const) {
    for (const text of [fits, tooLong]) {
      const queue = new ByteQueue();
      const bytes = Buffer.from(text, "latin1");
      queue.copy(bytes, bytes.length);
      const outcome = takerOf(codec, 3).take(queue, false);
      expect(outcome instanceof Refusal ? outcome.code : outcome).toEqual(
        text === tooLong ? "ERR_LIMIT" : codec === json ? 123 : Buffer.from("abc"),
      );
      expect(queue.length).toBe(text === fits ? 0 : text.trimStart().length);
    }
  }
});

test("what is longer than the limit is not sent, and the refusal has both", () => {
  for (const [codec, fits, tooLong] of [
    [varintPrefix(), "abc", "abcd"],
    [lengthPrefix({ bytes: 2 }), "abc", "abcd"],
    [delimited("\n"), "abc", "abcd"],
    [jsonLines(), 123, 1234],
  ] as const) {
    const direct = directOf(codec as Codec<unknown, unknown>);
    expect(direct?.payloadFor(fits, 3)).not.toBeInstanceOf(Refusal);
    expect(direct?.payloadFor(tooLong, 3)).toMatchObject({
      code: "ERR_LIMIT",
      reason: expect.stringMatching(/4 bytes.*limit of 3/) as string,
    });
  }
});

test("what is cut off by the end of the stream is no message, and its bytes are counted", () => {
  for (const [codec, text, unfinished] of [
    [varintPrefix(), "\x03ab", "3 bytes of an unfinished message"],
    // A length that is not whole is over no limit: what it says so far is not what it says.
    [varintPrefix(), "\xff\xff", "2 bytes of an unfinished message"],
    [lengthPrefix({ bytes: 2 }), "\xff", "1 bytes of an unfinished frame"],
    [lengthPrefix({ bytes: 2 }), "\0\x03a", "3 bytes of an unfinished frame"],
    [delimited("\r\n"), "ab\r", "3 bytes without the delimiter"],
    [jsonLines(), "\n12", "2 bytes of an unfinished line"],
  ] as const) {
    const queue = new ByteQueue();
    queue.copy(Buffer.from(text, "latin1"), text.length);
    expect(takerOf(codec, 10).take(queue, false)).toBe(WAIT);
    expect(takerOf(codec, 10).take(queue, true)).toMatchObject({
      code: "ERR_UNEXPECTED_EOF",
      reason: expect.stringContaining(unfinished) as string,
    });
  }
});

test("a search goes on where it has stopped, and begins anew when another read has taken bytes", () => {
  for (const [codec, expected] of [
    [delimited("\n"), Buffer.from("3")],
    [jsonLines(), 3],
  ] as const) {
    const queue = new ByteQueue();
    const taker = takerOf(codec);
    const arrive = (text: string) => {
      queue.copy(Buffer.from(text), text.length);
    };
    arrive("12345");
    expect(taker.take(queue, false)).toBe(WAIT);
    queue.skip(5);
    arrive("3\n");
    expect(taker.take(queue, false)).toEqual(expected);
  }
});

test("heartbeats do not pile up: blank lines leave the queue as they come", () => {
  const queue = new ByteQueue();
  const taker = takerOf(jsonLines(), 10);
  for (let beats = 0; beats < 100; beats++) {
    queue.copy(Buffer.from("\r\n"), 2);
    expect(taker.take(queue, false)).toBe(WAIT);
    expect(queue.length).toBe(0);
  }
});

test("a message for which there is no memory stays in the queue, with its length", () => {
  const allocUnsafeSlow = Buffer.allocUnsafeSlow.bind(Buffer);
  const noMemory = new RangeError("Array buffer allocation failed");
  for (const [codec, stream] of [
    [varintPrefix(), "\x0c0123456789ab"],
    [lengthPrefix({ bytes: 1 }), "\x0c0123456789ab"],
    [delimited("|"), "0123456789ab|"],
  ] as const) {
    const queue = new ByteQueue(SMALL_BLOCKS);
    for (const byte of Buffer.from(stream)) queue.copy(Buffer.of(byte), 1);
    const taker = takerOf(codec);
    Buffer.allocUnsafeSlow = () => {
      throw noMemory;
    };
    try {
      expect(() => taker.take(queue, false)).toThrow(noMemory);
    } finally {
      Buffer.allocUnsafeSlow = allocUnsafeSlow;
    }
    expect(queue.length).toBe(13);
    expect(taker.take(queue, false)).toEqual(Buffer.from("0123456789ab"));
  }
});

test("blank lines of JSON are dropped as many at once as have arrived", () => {
  const taker = takerOf(jsonLines());
  const queue = new ByteQueue();
  const skip = jest.spyOn(queue, "skip");
  const blank = Buffer.from("\n \t\r\n".repeat(1_000));
  queue.copy(blank, blank.length);
  expect(taker.take(queue, false)).toBe(WAIT);
  expect(queue.length).toBe(0);
  expect(skip).toHaveBeenCalledTimes(1);
});
