import fc from "../../support/fast-check.js";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { NEXT_LINES } from "../../../src/core/reading/batches.js";
import { LineRun, NEXT_LINE, type LineTerminator } from "../../../src/core/reading/lines.js";
import { Refusal, WAIT } from "../../../src/core/reading/reads.js";

const LIMIT = 6;
const TERMINATORS: readonly LineTerminator[] = ["lf", "crlf", "cr", "any"];

/** Takes one line after the other until there is none. Returns the lines, and why there is no other. */
function oneByOne(queue: ByteQueue, run: LineRun, ended: boolean): readonly [string[], unknown] {
  const lines: string[] = [];
  for (;;) {
    const next = NEXT_LINE.take(queue, run, ended);
    if (next === WAIT || next instanceof Refusal || next.done === true) return [lines, next];
    lines.push(next.value);
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
          const [lines, end] = oneByOne(queues[0], runs[0], ended);
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
