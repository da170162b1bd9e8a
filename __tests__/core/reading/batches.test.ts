import fc from "../../support/fast-check.js";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { NEXT_LINES, NEXT_MESSAGES } from "../../../src/core/reading/batches.js";
import { LineRun, NEXT_LINE, type LineTerminator } from "../../../src/core/reading/lines.js";
import { NEXT_MESSAGE, type MessageRun } from "../../../src/core/reading/messages.js";
import { Refusal, WAIT, type Read } from "../../../src/core/reading/reads.js";
import { FrameTaker } from "../../../src/messages/codecs/frame-taker.js";
import { Decoding } from "../../../src/messages/decoding.js";
import { measured } from "../../../src/testing/contract/own-codec.js";

const LIMIT = 6;
const TERMINATORS: readonly LineTerminator[] = ["lf", "crlf", "cr", "any"];

/** Takes one element after the other until there is none. Returns the elements, and why there is no other. */
function oneByOne<T, A>(
  read: Read<IteratorResult<T, undefined>, A>,
  queue: ByteQueue,
  run: A,
  ended: boolean,
): readonly [T[], unknown] {
  const elements: T[] = [];
  for (;;) {
    const next = read.take(queue, run, ended);
    if (next === WAIT || next instanceof Refusal || next.done === true) return [elements, next];
    elements.push(next.value);
  }
}

test("a batch has the lines that would be taken one by one, and what ends them comes with the next take", () => {
  let found = 0;
  const few = fc.constantFrom(0x0a, 0x0d, 0x61, 0xc3);
  fc.assert(
    fc.property(
      fc.constantFrom(...TERMINATORS),
      fc.array(fc.array(few, { maxLength: 40 }), { maxLength: 6 }),
      fc.boolean(),
      (terminator, arrivals, endsAtLast) => {
        const queues = [new ByteQueue(16), new ByteQueue(16)] as const;
        const runs = queues.map(() => new LineRun(LIMIT, "utf8", terminator)) as [LineRun, LineRun];
        for (const [index, bytes] of arrivals.entries()) {
          for (const queue of queues) queue.append(Buffer.from(bytes));
          const ended = endsAtLast && index === arrivals.length - 1;
          const [lines, end] = oneByOne(NEXT_LINE, queues[0], runs[0], ended);
          if (lines.length > 0) {
            expect(NEXT_LINES.take(queues[1], runs[1], ended)).toEqual({ value: lines, done: false });
            found++;
          }
          expect(NEXT_LINES.take(queues[1], runs[1], ended)).toEqual(end);
          expect(queues[1].length).toBe(queues[0].length);
        }
      },
    ),
    { numRuns: 1_000 },
  );
  expect(found).toBeGreaterThan(100);
});

test("a batch of messages has those that would be taken one by one, and what ends them comes with the next take", () => {
  let found = 0;
  const format = { bytes: 4, littleEndian: false, offset: 0, adjustment: 0, skip: 4 };
  const frame = fc
    .integer({ min: 0, max: LIMIT + 1 })
    .map((size) => Buffer.concat([Buffer.of(0, 0, 0, size), Buffer.alloc(size, size)]));
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 12 }),
      fc.array(fc.nat(30), { maxLength: 6 }),
      fc.boolean(),
      fc.boolean(),
      (frames, cuts, isOwnCodec, endsAtLast) => {
        const bytes = Buffer.concat(frames);
        const queues = [new ByteQueue(16), new ByteQueue(16)] as const;
        const runs = queues.map((): MessageRun => ({
          taker: isOwnCodec ? new Decoding(measured, 4 + LIMIT) : new FrameTaker(format, LIMIT),
        })) as [MessageRun, MessageRun];
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const size = cuts[n] ?? bytes.length;
          for (const queue of queues) queue.append(Buffer.from(bytes.subarray(at, at + size)));
          at += size;
          const ended = endsAtLast && at >= bytes.length;
          const [messages, end] = oneByOne(NEXT_MESSAGE, queues[0], runs[0], ended);
          if (messages.length > 0) {
            expect(NEXT_MESSAGES.take(queues[1], runs[1], ended)).toEqual({ value: messages, done: false });
            found++;
          }
          expect(NEXT_MESSAGES.take(queues[1], runs[1], ended)).toEqual(end);
          expect(queues[1].length).toBe(queues[0].length);
        }
      },
    ),
    { numRuns: 1_000 },
  );
  expect(found).toBeGreaterThan(100);
});
