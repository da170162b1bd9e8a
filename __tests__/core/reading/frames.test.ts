import fc from "fast-check";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import {
  encodedLength,
  takeFrame,
  takeNextFrame,
  type FrameFormat,
} from "../../../src/core/reading/frames.js";
import { Refusal, WAIT } from "../../../src/core/reading/reads.js";

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

/** Takes frames by either way of taking them, in turns, until there are no more for now. */
function takeAvailable(
  queue: ByteQueue,
  format: FrameFormat,
  ended: boolean,
  frames: string[],
): Outcome["stop"] {
  for (;;) {
    const before = queue.length;
    const next =
      frames.length % 2 === 0 ? takeFrame(queue, format, ended) : takeNextFrame(queue, format, ended);
    if (next === WAIT || next === null || next instanceof Refusal || ("done" in next && next.done)) {
      expect(queue.length).toBe(before);
      if (next === WAIT) return "wait";
      return next instanceof Refusal ? next.code : "end";
    }
    frames.push((Buffer.isBuffer(next) ? next : next.value).toString("hex"));
  }
}

/** What becomes of a stream that arrives in pieces, tried again after each. */
function inPieces(pieces: readonly Piece[], format: FrameFormat, ended: boolean): Outcome {
  const queue = new ByteQueue(SMALL_BLOCKS);
  const frames: string[] = [];
  let stop: Outcome["stop"] = "wait";
  for (const { bytes, copied, looks } of pieces) {
    if (copied) queue.copy(bytes, bytes.length);
    else queue.append(bytes);
    if (looks) stop = takeAvailable(queue, format, false, frames);
  }
  stop = takeAvailable(queue, format, ended, frames);
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
        const wire = Buffer.concat(payloads.flatMap((each) => [encodedLength(each.length, bytes), each]));
        const { frames, stop, left } = inPieces(chop(wire, at), { bytes, limit: Infinity }, ended);
        expect(frames).toEqual(payloads.map((each) => Buffer.from(each).toString("hex")));
        expect([stop, left]).toEqual([ended ? "end" : "wait", 0]);
      },
    ),
    { numRuns: 2_000 },
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
        const wire = Buffer.concat(payloads.flatMap((each) => [encodedLength(each.length, bytes), each]));
        const cut = wire.subarray(0, end);
        const format = { bytes, limit: most };
        expect(inPieces(chop(cut, at), format, ended)).toEqual(naive(cut, format, ended));
      },
    ),
    { numRuns: 2_000 },
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
        expect(inPieces(chop(wire, at), format, ended)).toEqual(naive(wire, format, ended));
      },
    ),
    { numRuns: 2_000 },
  );
});

test("a length is an unsigned big-endian number of as many bytes", () => {
  fc.assert(
    fc.property(width, fc.nat({ max: Number.MAX_SAFE_INTEGER }), (bytes, number) => {
      const size = number % 256 ** bytes;
      const prefix = encodedLength(size, bytes);
      expect(prefix).toHaveLength(bytes);
      expect(Number(BigInt(`0x${prefix.toString("hex")}`))).toBe(size);
    }),
  );
});

test.each([
  [4, "ffffffff", 2 ** 32 - 2],
  [8, "001fffffffffffff", 2 ** 40],
  [8, "8000000000000000", 2 ** 64 - 1],
  [8, "ffffffffffffffff", Infinity],
])("a length of %i bytes that says %s is refused over a limit of %d", (bytes, length, most) => {
  const queue = new ByteQueue(SMALL_BLOCKS);
  queue.append(Buffer.from(length, "hex"));
  const refusal = takeFrame(queue, { bytes, limit: most }, false);
  if (!(refusal instanceof Refusal)) throw new Error("it was not refused");
  expect(refusal.code).toBe("ERR_LIMIT");
  expect(queue.length).toBe(bytes);
  const [, size, stated] = /(\d+) bytes, more than the limit of (\d+) bytes/u.exec(refusal.reason) ?? [];
  expect(Number(stated)).toBeLessThan(Number(size));
});

test("a frame of no bytes is taken as soon as its length is there", () => {
  const queue = new ByteQueue(SMALL_BLOCKS);
  queue.append(Buffer.from("00000000ff", "hex"));
  const frame = takeFrame(queue, { bytes: 4, limit: 0 }, false);
  expect(frame).toHaveLength(0);
  expect(queue.length).toBe(1);
});
