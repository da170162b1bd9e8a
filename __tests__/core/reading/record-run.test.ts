import fc from "../../support/fast-check.js";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { RecordRun } from "../../../src/core/reading/record-run.js";
import { Refusal, takeNextRecord, takeUntil, WAIT } from "../../../src/core/reading/reads.js";
import { Search } from "../../../src/core/reading/search.js";

type Step =
  | { readonly kind: "arrive"; readonly bytes: Uint8Array }
  | { readonly kind: "unread"; readonly bytes: Uint8Array }
  | { readonly kind: "next"; readonly times: number }
  | { readonly kind: "take"; readonly share: number };

const LIMIT = 12;

/** Of few different bytes, so that delimiters and beginnings of them are frequent. */
const bytes = fc.uint8Array({ maxLength: 60, min: 0xfd });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("arrive" as const), bytes }),
  fc.record({ kind: fc.constant("unread" as const), bytes }),
  fc.record({ kind: fc.constant("next" as const), times: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ kind: fc.constant("take" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
);

/** Two queues with the same bytes: records are taken out of one with a run, out of the other without. */
class Both {
  readonly #queue = new ByteQueue(16);
  readonly #plain = new ByteQueue(16);
  readonly #delimiter: Uint8Array;
  readonly #search: Search;
  readonly #run: RecordRun;
  found = 0;

  constructor(delimiter: Uint8Array) {
    this.#delimiter = delimiter;
    this.#search = new Search(delimiter, LIMIT);
    this.#run = new RecordRun(this.#search);
  }

  do(step: Step): void {
    const queues = [this.#queue, this.#plain];
    if (step.kind === "arrive") for (const queue of queues) queue.append(Buffer.from(step.bytes));
    else if (step.kind === "unread") for (const queue of queues) queue.putBack([step.bytes]);
    else if (step.kind === "take") {
      const [a, b] = queues.map((queue) => queue.take(Math.floor(queue.length * step.share)));
      expect(a).toEqual(b);
    } else for (let n = 0; n < step.times; n++) this.#next();
    expect(this.#queue.length).toBe(this.#plain.length);
  }

  #next(): void {
    const taken = takeNextRecord(this.#queue, { search: this.#search, run: this.#run, last: false }, false);
    const plain = takeUntil(this.#plain, new Search(this.#delimiter, LIMIT), false);
    if (plain === WAIT || plain instanceof Refusal) {
      expect(taken).toEqual(plain);
      return;
    }
    expect(taken).toEqual({ value: plain, done: false });
    this.found++;
  }
}

test("a loop over records finds the same records with a run as without, whatever other reads do between", () => {
  let found = 0;
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 10, min: 0xfd }),
      fc.array(step, { maxLength: 30 }),
      (delimiter, steps) => {
        const both = new Both(delimiter);
        for (const step of steps) both.do(step);
        found += both.found;
      },
    ),
    { numRuns: 1_000 },
  );
  expect(found).toBeGreaterThan(100);
});

test("a run that is longer than what is searched at once gives all records", () => {
  const queue = new ByteQueue();
  const search = new Search(Buffer.from("\r\n"), 1_000);
  const argument = { search, run: new RecordRun(search), last: false };
  const sizes = Array.from({ length: 3_000 }, (_, n) => (n * 7) % 90);
  queue.append(Buffer.from(sizes.map((size) => `${"x".repeat(size)}\r\n`).join("")));
  expect(queue.length).toBeGreaterThan(128 * 1024);
  for (const size of sizes) {
    const taken = takeNextRecord(queue, argument, false);
    expect(taken).toEqual({ value: Buffer.alloc(size, "x"), done: false });
  }
  expect(takeNextRecord(queue, argument, true)).toEqual({ value: undefined, done: true });
});
