/** What the `decode` of a codec is asked, and how often; over a queue, without a connection. */
import fc from "../support/fast-check.js";
import type { Codec } from "../../src/index.js";
import { ByteQueue } from "../../src/core/bytes/byte-queue.js";
import { END } from "../../src/core/reading/messages.js";
import { Refusal, WAIT } from "../../src/core/reading/reads.js";
import { Decoding } from "../../src/messages/decoding.js";

/** Small, so that few bytes make many blocks. */
const SMALL_BLOCKS = 8;

/** Messages with two bytes of length before them, which say how many bytes they need. */
const named: Codec<string> = {
  decode(bytes) {
    if (bytes.length < 2) return 2;
    const size = 2 + bytes.readUInt16BE();
    return bytes.length < size ? size : { message: bytes.toString("latin1", 2, size), size };
  },
  encode: (message) => [Buffer.of(message.length >> 8, message.length), message],
};

/** Messages that end with a zero, which is not known before it is there. */
const terminated: Codec<string> = {
  decode(bytes) {
    const end = bytes.indexOf(0);
    return end === -1 ? undefined : { message: bytes.toString("latin1", 0, end), size: end + 1 };
  },
  encode: (message) => `${message}\0`,
};

/** The same, whose codec only ever asks for one more byte. */
const stepwise: Codec<string> = {
  ...terminated,
  decode: (bytes) => terminated.decode(bytes) ?? bytes.length + 1,
};

const CODECS = { named, terminated, stepwise };

interface Outcome {
  readonly messages: string[];
  readonly stop: "wait" | "end" | Refusal["code"];
  readonly left: number;
}

/** What becomes of the whole stream, computed without a queue. */
function naive(codec: Codec<string>, wire: Buffer, limit: number, ended: boolean): Outcome {
  const messages: string[] = [];
  for (let at = 0; ;) {
    const rest = wire.subarray(at);
    const answer = rest.length === 0 ? undefined : codec.decode(rest);
    const left = rest.length;
    if (typeof answer === "object") {
      if (answer.size > limit) return { messages, stop: "ERR_LIMIT", left };
      messages.push(answer.message);
      at += answer.size;
      continue;
    }
    if (answer === undefined ? left > limit : answer > limit) return { messages, stop: "ERR_LIMIT", left };
    return { messages, stop: !ended ? "wait" : left === 0 ? "end" : "ERR_UNEXPECTED_EOF", left };
  }
}

interface Piece {
  readonly bytes: Buffer<ArrayBuffer>;
  readonly looks: boolean;
}

function takeAvailable(taker: Decoding<string>, queue: ByteQueue, ended: boolean, messages: string[]) {
  for (;;) {
    const before = queue.length;
    const taken = taker.take(queue, ended);
    if (typeof taken === "string") messages.push(taken);
    else {
      expect(queue.length).toBe(before);
      if (taken === WAIT) return "wait";
      return taken === END ? "end" : taken.code;
    }
  }
}

function inPieces(codec: Codec<string>, pieces: readonly Piece[], limit: number, ended: boolean): Outcome {
  const queue = new ByteQueue(SMALL_BLOCKS);
  const taker = new Decoding(codec, limit);
  const messages: string[] = [];
  let stop: Outcome["stop"] = "wait";
  for (const { bytes, looks } of pieces) {
    queue.copy(bytes, bytes.length);
    if (looks) stop = takeAvailable(taker, queue, false, messages);
  }
  stop = takeAvailable(taker, queue, ended, messages);
  return { messages, stop, left: queue.length };
}

function wireOf(codec: Codec<string>, messages: readonly string[]): Buffer {
  const bytesOf = (part: unknown): Buffer => Buffer.from(part as string, "latin1");
  return Buffer.concat(messages.flatMap((message) => [codec.encode(message)].flat().map(bytesOf)));
}

const text = fc.string({ unit: fc.constantFrom("a", "b", "\n", "\xff"), maxLength: 20 });
const cuts = fc.array(fc.record({ size: fc.integer({ min: 1, max: 30 }), looks: fc.boolean() }), {
  minLength: 1,
  maxLength: 20,
});

function chop(wire: Buffer, cuts: readonly { size: number; looks: boolean }[]): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0, n = 0; at < wire.length; n++) {
    const { size, looks } = cuts[n % cuts.length] ?? { size: 1, looks: true };
    pieces.push({ bytes: Buffer.from(wire.subarray(at, at + size)), looks });
    at += size;
  }
  return pieces;
}

describe.each(Object.entries(CODECS))("with a codec that is %s", (_name, codec) => {
  test("messages are the same however their stream is cut, and whenever it is read", () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 12 }), cuts, fc.boolean(), (messages, at, ended) => {
        const wire = wireOf(codec, messages);
        expect(inPieces(codec, chop(wire, at), Infinity, ended)).toEqual({
          messages,
          stop: ended ? "end" : "wait",
          left: 0,
        });
      }),
      { numRuns: 200 },
    );
  });

  test("messages that are cut off or over the limit stop the reading where they begin", () => {
    const limit = fc.integer({ min: 0, max: 24 });
    const end = fc.nat({ max: 200 });
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 8 }),
        limit,
        end,
        cuts,
        fc.boolean(),
        (messages, most, cutAt, at, ended) => {
          const wire = wireOf(codec, messages).subarray(0, cutAt);
          expect(inPieces(codec, chop(wire, at), most, ended)).toEqual(naive(codec, wire, most, ended));
        },
      ),
      { numRuns: 200 },
    );
  });
});

/** Counts what a codec is asked, and in how many memories the bytes were. */
function counted(codec: Codec<string>) {
  const seen = { asked: 0, memories: new Set<ArrayBufferLike>() };
  const counting: Codec<string> = {
    ...codec,
    decode(bytes) {
      seen.asked++;
      seen.memories.add(bytes.buffer);
      return codec.decode(bytes);
    },
  };
  return { counting, seen };
}

const SIZE = 200_000;

/** Gives a queue one byte after the other, and tries to take a message after each. */
function byteByByte(codec: Codec<string>, wire: Buffer): string[] {
  const queue = new ByteQueue();
  const taker = new Decoding(codec, Infinity);
  const messages: string[] = [];
  for (let at = 0; at < wire.length; at++) {
    queue.copy(wire.subarray(at, at + 1), 1);
    const taken = taker.take(queue, false);
    if (typeof taken === "string") messages.push(taken);
    else if (taken !== WAIT) throw new Error("neither taken nor waiting");
  }
  return messages;
}

test("a codec that names what it needs is not asked before that is there", () => {
  const long: Codec<string> = {
    decode(bytes) {
      if (bytes.length < 4) return 4;
      const size = 4 + bytes.readUInt32BE();
      return bytes.length < size ? size : { message: bytes.toString("latin1", 4, size), size };
    },
    encode: () => "",
  };
  const { counting, seen } = counted(long);
  const payload = "x".repeat(SIZE);
  const wire = Buffer.concat([Buffer.from([0, 0x03, 0x0d, 0x40]), Buffer.from(payload)]);
  expect(byteByByte(counting, wire)).toEqual([payload]);
  expect(seen.asked).toBe(3);
  expect(seen.memories.size).toBeLessThanOrEqual(3);
});

test("a codec that cannot name it is asked at each arrival, over memory that doubles", () => {
  let asked = 0;
  let memories = 0;
  let last: ArrayBufferLike | undefined;
  const codec: Codec<string> = {
    // As a codec that goes on where it has stopped.
    decode(bytes) {
      asked++;
      if (bytes.buffer !== last) memories++;
      last = bytes.buffer;
      return bytes[bytes.length - 1] === 0 ? { message: "whole", size: bytes.length } : undefined;
    },
    encode: () => "",
  };
  const wire = Buffer.alloc(SIZE, 1);
  wire[SIZE - 1] = 0;
  expect(byteByByte(codec, wire)).toEqual(["whole"]);
  expect(asked).toBe(SIZE);
  expect(memories).toBeLessThanOrEqual(2 + Math.log2(SIZE));
});

test("thousands of messages that came together are decoded out of one copy, each asked for once", () => {
  const messages = Array.from({ length: 5_000 }, (_, n) => String(n % 7).repeat(n % 11));
  const wire = wireOf(named, messages);
  const { counting, seen } = counted(named);
  const queue = new ByteQueue();
  queue.append(Buffer.from(wire));
  const taken: string[] = [];
  expect(takeAvailable(new Decoding(counting, 100), queue, false, taken)).toBe("wait");
  expect(taken).toEqual(messages);
  const windows = Math.ceil(wire.length / 65_536);
  expect(seen.memories.size).toBeLessThanOrEqual(windows);
  // A message that is cut by the end of a copy is asked for once or twice more.
  expect(seen.asked).toBeLessThanOrEqual(messages.length + 2 * windows);
});

/** Whether a message of half of the bytes, of this kind, is in the memory in which the codec has seen it. */
function sharesMemory(viewOf: (bytes: Buffer, length: number) => Uint8Array): boolean {
  let seen: ArrayBufferLike | undefined;
  const codec: Codec<Uint8Array> = {
    decode(bytes) {
      seen = bytes.buffer;
      return { message: viewOf(bytes, 3), size: 3 };
    },
    encode: () => "",
  };
  const queue = new ByteQueue();
  queue.append(Buffer.from("abcdef"));
  const message = new Decoding(codec, Infinity).take(queue, false) as Uint8Array;
  expect(Buffer.from(message).toString()).toBe("abc");
  expect(message.constructor).toBe(viewOf(Buffer.alloc(3), 3).constructor);
  return message.buffer === seen;
}

test("a message that is a view of the bytes is copied, unless it is of a class of the program's", () => {
  class Own extends Uint8Array {}
  expect(sharesMemory((bytes, length) => bytes.subarray(0, length))).toBe(false);
  expect(sharesMemory((bytes, length) => new Uint8Array(bytes.buffer, bytes.byteOffset, length))).toBe(false);
  expect(
    sharesMemory((bytes, length) => new Own(bytes.buffer as ArrayBuffer, bytes.byteOffset, length)),
  ).toBe(true);
});

test("a decode that throws has harmed no byte: it gets the same ones again", () => {
  let isFirst = true;
  const codec: Codec<string> = {
    decode(bytes) {
      const message = bytes.toString();
      bytes.fill(0);
      if (isFirst) {
        isFirst = false;
        throw new Error("not now");
      }
      return { message, size: bytes.length };
    },
    encode: () => "",
  };
  const queue = new ByteQueue();
  queue.append(Buffer.from("abc"));
  const decoding = new Decoding(codec, Infinity);
  expect(decoding.take(queue, false)).toMatchObject({
    code: "ERR_INVALID_MESSAGE",
    reason: "decode has thrown",
    cause: { message: "not now" },
  });
  expect(queue.length).toBe(3);
  expect(decoding.take(queue, false)).toBe("abc");
});

test.each([
  ["that is all there is", 6, 0, 6, true],
  ["that is half of it, without a header", 6, 3, 6, true],
  ["that is less than half of it", 6, 4, 6, false],
  ["that others follow", 3, 0, 3, false],
  ["of no bytes", 6, 6, 6, false],
])(
  "a message %s has memory of its own, or else keeps no more than twice its size",
  (_, size, from, to, keeps) => {
    const seen = new Set<ArrayBufferLike>();
    const codec: Codec<Buffer> = {
      decode(bytes) {
        seen.add(bytes.buffer);
        return { message: bytes.subarray(from, to), size };
      },
      encode: () => "",
    };
    const queue = new ByteQueue();
    queue.append(Buffer.from("abcdef"));
    const message = new Decoding(codec, Infinity).take(queue, false) as Buffer;
    expect(message.toString()).toBe("abcdef".slice(from, to));
    expect(seen.has(message.buffer)).toBe(keeps);
  },
);

test("a message in memory of the codec's is that very object", () => {
  const own = Buffer.from("own");
  const codec: Codec<Buffer> = { decode: () => ({ message: own, size: 1 }), encode: () => "" };
  const queue = new ByteQueue();
  queue.append(Buffer.from("abcdef"));
  expect(new Decoding(codec, Infinity).take(queue, false)).toBe(own);
});
