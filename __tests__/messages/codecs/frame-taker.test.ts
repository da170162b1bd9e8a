import fc from "../../support/fast-check.js";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { END, type Taker } from "../../../src/core/reading/messages.js";
import { Refusal, WAIT } from "../../../src/core/reading/reads.js";
import { lengthPrefix } from "../../../src/index.js";
import { FrameTaker } from "../../../src/messages/codecs/frame-taker.js";
import { Decoding } from "../../../src/messages/decoding.js";
import { directOf } from "../../../src/messages/direct.js";
import { bigEndian } from "../../../src/testing/contract/payloads.js";

/** Frames with a big-endian length of `bytes` bytes before them. */
interface FrameFormat {
  readonly bytes: number;
  readonly limit: number;
}

function takerOf({ bytes, limit }: FrameFormat): FrameTaker {
  return new FrameTaker({ bytes, littleEndian: false, offset: 0, adjustment: 0, skip: bytes }, limit);
}

/** Small, so that few bytes make many blocks. */
const SMALL_BLOCKS = 4;

/** What becomes of a stream: its frames, then why there are no more for now. */
interface Outcome {
  readonly frames: string[];
  readonly stop: "wait" | "end" | Refusal["code"];
  /** Bytes that are left unread. */
  readonly left: number;
}

/** The same, computed from the whole stream by other means. */
function naive(bytes: Buffer, { bytes: width, limit }: FrameFormat, ended: boolean): Outcome {
  const frames: string[] = [];
  for (let at = 0; ;) {
    const left = bytes.length - at;
    const more = {
      frames,
      stop: ended ? (left === 0 ? "end" : "ERR_UNEXPECTED_EOF") : "wait",
      left,
    } as const;
    if (left < width) return more;
    const size = BigInt(`0x${bytes.toString("hex", at, at + width)}`);
    if (size > limit) return { frames, stop: "ERR_LIMIT", left };
    if (BigInt(left - width) < size) return more;
    const end = at + width + Number(size);
    frames.push(bytes.toString("hex", at + width, end));
    at = end;
  }
}

/** Takes frames until there are no more for now. */
function takeAvailable(
  queue: ByteQueue,
  taker: Taker<Buffer>,
  ended: boolean,
  frames: string[],
): Outcome["stop"] {
  for (;;) {
    const before = queue.length;
    const next = taker.take(queue, ended);
    if (next === WAIT || next === END || next instanceof Refusal) {
      expect(queue.length).toBe(before);
      if (next === WAIT) return "wait";
      return next === END ? "end" : next.code;
    }
    frames.push(next.toString("hex"));
  }
}

/** What becomes of a stream that arrives in pieces, tried again after each. */
function inPieces(pieces: readonly Piece[], taker: Taker<Buffer>, ended: boolean): Outcome {
  const queue = new ByteQueue(SMALL_BLOCKS);
  const frames: string[] = [];
  let stop: Outcome["stop"] = "wait";
  for (const { bytes, copied, looks } of pieces) {
    if (copied) queue.copy(bytes, bytes.length);
    else queue.append(bytes);
    if (looks) stop = takeAvailable(queue, taker, false, frames);
  }
  stop = takeAvailable(queue, taker, ended, frames);
  return { frames, stop, left: queue.length };
}

interface Piece {
  readonly bytes: Buffer<ArrayBuffer>;
  readonly copied: boolean;
  /** Whether a read is tried before the next piece arrives. */
  readonly looks: boolean;
}

function chop(bytes: Buffer, cuts: readonly { size: number; copied: boolean; looks: boolean }[]): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const { size, copied, looks } = cuts[n % cuts.length] ?? { size: 1, copied: true, looks: true };
    pieces.push({ bytes: Buffer.from(bytes.subarray(at, at + size)), copied, looks });
    at += size;
  }
  return pieces;
}

const width = fc.constantFrom(1, 2, 4, 8);
const payload = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 200, maxLength: 255 }) },
);
const cuts = fc.array(
  fc.record({ size: fc.integer({ min: 1, max: 40 }), copied: fc.boolean(), looks: fc.boolean() }),
  { minLength: 1, maxLength: 20 },
);
const limit = fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 300 }));

test("frames are the same however their stream is cut, and whenever it is read", () => {
  fc.assert(
    fc.property(
      width,
      fc.array(payload, { maxLength: 12 }),
      cuts,
      fc.boolean(),
      (bytes, payloads, at, ended) => {
        const wire = Buffer.concat(payloads.flatMap((each) => [bigEndian(each.length, bytes), each]));
        const { frames, stop, left } = inPieces(chop(wire, at), takerOf({ bytes, limit: Infinity }), ended);
        expect(frames).toEqual(payloads.map((each) => Buffer.from(each).toString("hex")));
        expect([stop, left]).toEqual([ended ? "end" : "wait", 0]);
      },
    ),
    { numRuns: 500 },
  );
});

test("frames that are cut off or over the limit stop the reading where they begin", () => {
  fc.assert(
    fc.property(
      width,
      fc.array(payload, { maxLength: 8 }),
      limit,
      fc.integer({ min: 0, max: 400 }),
      cuts,
      fc.boolean(),
      (bytes, payloads, most, end, at, ended) => {
        const wire = Buffer.concat(payloads.flatMap((each) => [bigEndian(each.length, bytes), each]));
        const cut = wire.subarray(0, end);
        const format = { bytes, limit: most };
        expect(inPieces(chop(cut, at), takerOf(format), ended)).toEqual(naive(cut, format, ended));
      },
    ),
    { numRuns: 500 },
  );
});

test("noise is cut into frames as its lengths say", () => {
  fc.assert(
    fc.property(
      width,
      fc.uint8Array({ maxLength: 80, max: 5 }),
      limit,
      cuts,
      fc.boolean(),
      (bytes, noise, most, at, ended) => {
        const wire = Buffer.from(noise);
        const format = { bytes, limit: Math.min(most, 1e6) };
        expect(inPieces(chop(wire, at), takerOf(format), ended)).toEqual(naive(wire, format, ended));
      },
    ),
    { numRuns: 500 },
  );
});

test("frames of every format are those that decode finds", () => {
  const options = fc.record({
    bytes: fc.constantFrom(1, 2, 3, 4, 8),
    littleEndian: fc.boolean(),
    offset: fc.nat({ max: 5 }),
    adjustment: fc.integer({ min: -12, max: 6 }),
    skip: fc.oneof(fc.constant(undefined), fc.nat({ max: 14 })),
  });
  fc.assert(
    fc.property(
      options,
      fc.uint8Array({ maxLength: 120, max: 9 }),
      limit,
      cuts,
      fc.boolean(),
      (given, noise, most, at, ended) => {
        const codec = lengthPrefix(given);
        const taker = directOf(codec)?.takerFor(most) as Taker<Buffer>;
        const got = inPieces(chop(Buffer.from(noise), at), taker, ended);
        const { bytes, offset } = given;
        const skip = given.skip ?? offset + bytes;
        // What `decode` names as its need is the frame, and the limit is one of messages.
        const decoding = new Decoding<Buffer>(codec, most + skip);
        const expected = inPieces(chop(Buffer.from(noise), at), decoding, ended);
        expect(got.frames).toEqual(expected.frames);
        // Above the limit, it is also the header that `decode` needs.
        if (most >= offset + bytes) expect(got).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
});

test.each([
  ["negative", { bytes: 1 as const, adjustment: -4 }, "a length of 3 is negative with the adjustment of -4"],
  [
    "negative, of which nothing is skipped",
    { bytes: 1 as const, adjustment: -4, skip: 0 },
    "a length of 3 is negative with the adjustment of -4",
  ],
  [
    "shorter than what is skipped",
    { bytes: 1 as const, skip: 9 },
    "a frame of 4 bytes is shorter than the 9 to skip",
  ],
  [
    "shorter than what is skipped, and has nothing after its length",
    { bytes: 1 as const, adjustment: -3, skip: 9 },
    "a frame of 1 bytes is shorter than the 9 to skip",
  ],
])("a frame that is %s is no message", (_, options, reason) => {
  const queue = new ByteQueue(SMALL_BLOCKS);
  const bytes = Buffer.from("03616263", "hex");
  queue.append(bytes);
  const codec = lengthPrefix(options);
  expect(() => codec.decode(bytes)).toThrow(reason);
  const refusal = directOf(codec)?.takerFor(100).take(queue, false);
  expect(refusal).toMatchObject({
    code: "ERR_INVALID_MESSAGE",
    reason,
    cause: { code: "ERR_INVALID_MESSAGE" },
  });
  expect(queue.length).toBe(4);
});

test.each([
  [4, "ffffffff", 2 ** 32 - 2],
  [8, "001fffffffffffff", 2 ** 40],
  [8, "8000000000000000", 2 ** 64 - 1],
  [8, "ffffffffffffffff", Infinity],
])("a length of %i bytes that says %s is refused over a limit of %d", (bytes, length, most) => {
  const queue = new ByteQueue(SMALL_BLOCKS);
  queue.append(Buffer.from(length, "hex"));
  const refusal = takerOf({ bytes, limit: most }).take(queue, false);
  if (!(refusal instanceof Refusal)) throw new Error("it was not refused");
  expect(refusal.code).toBe("ERR_LIMIT");
  expect(queue.length).toBe(bytes);
  const [, size, stated] = /(\d+) bytes, more than the limit of (\d+) bytes/u.exec(refusal.reason) ?? [];
  expect(Number(stated)).toBeLessThan(Number(size));
});

test("a frame of no bytes is taken as soon as its length is there", () => {
  const queue = new ByteQueue(SMALL_BLOCKS);
  queue.append(Buffer.from("00000000ff", "hex"));
  const frame = takerOf({ bytes: 4, limit: 0 }).take(queue, false);
  expect(frame).toHaveLength(0);
  expect(queue.length).toBe(1);
});
