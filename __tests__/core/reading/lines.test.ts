import { jest } from "@jest/globals";
import fc from "fast-check";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { LineRun, LineSearch, takeNextLine, takeTextLine } from "../../../src/core/reading/lines.js";
import { Refusal, WAIT } from "../../../src/core/reading/reads.js";

/** Small, so that few bytes make many blocks. */
const SMALL_BLOCKS = 4;

/** The lines of a stream, one way of saying what they are; `null` where a line is over the limit, and after it nothing. */
function naiveLines(bytes: Buffer, encoding: BufferEncoding, limit: number): (string | null)[] {
  const lines: (string | null)[] = [];
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(0x0a, from);
    let end = found === -1 ? bytes.length : found;
    if (end > from && bytes[end - 1] === 0x0d) end--;
    if (end - from > limit) return [...lines, null];
    lines.push(bytes.toString(encoding, from, end));
    from = found === -1 ? bytes.length : found + 1;
  }
  return lines;
}

/** Takes lines while there are any. */
function takeAvailable(queue: ByteQueue, run: LineRun, ended: boolean, into: (string | null)[]): void {
  for (;;) {
    const before = queue.length;
    const next = takeNextLine(queue, run, ended);
    if (next === WAIT || next instanceof Refusal) {
      expect(queue.length).toBe(before);
      if (next !== WAIT && into.at(-1) !== null) into.push(null);
      return;
    }
    if (next.done === true) return;
    into.push(next.value);
  }
}

const byte = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0x0a, 0x0d, 0x61, 0x62) },
  // Beginnings, middles and ends of characters, whole and broken, and bytes that are none of these.
  { weight: 2, arbitrary: fc.constantFrom(0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9d, 0x84, 0x9e) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
);
const valid = fc.string({ unit: fc.constantFrom("a", "é", "€", "𝄞", "\r", "\n", "\r\n"), maxLength: 8 });
const chunk = fc.oneof(
  fc.array(byte, { maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  valid.map((text) => Buffer.from(text)),
);
const arrival = fc.record({ bytes: chunk, copied: fc.boolean() });
const arrivals = fc.array(arrival, { maxLength: 20 });
const limit = fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 10 }));

describe.each(["utf8", "latin1", "ascii"] as const)("lines in %s", (encoding) => {
  test("are those of the whole stream, however it is cut", () => {
    fc.assert(
      fc.property(arrivals, limit, (parts, most) => {
        const queue = new ByteQueue(SMALL_BLOCKS);
        const run = new LineRun(most, encoding);
        const got: (string | null)[] = [];
        for (const { bytes, copied } of parts) {
          if (copied) queue.copy(bytes, bytes.length);
          else queue.append(bytes);
          if (got.at(-1) !== null) takeAvailable(queue, run, false, got);
        }
        takeAvailable(queue, run, true, got);
        const whole = Buffer.concat(parts.map(({ bytes }) => bytes));
        expect(got).toEqual(naiveLines(whole, encoding, most));
      }),
      { numRuns: 2_000 },
    );
  });

  test("are the same whether a loop or single reads take them, in turns", () => {
    fc.assert(
      fc.property(arrivals, fc.array(fc.boolean(), { minLength: 1 }), (parts, turns) => {
        const queue = new ByteQueue(SMALL_BLOCKS);
        for (const { bytes } of parts) queue.append(bytes);
        const run = new LineRun(Infinity, encoding);
        const got: string[] = [];
        for (let n = 0; queue.length > 0; n++) {
          if (turns[n % turns.length] === true) {
            const next = takeNextLine(queue, run, true);
            if (next !== WAIT && !(next instanceof Refusal) && next.done !== true) got.push(next.value);
          } else {
            const line = takeTextLine(queue, new LineSearch(Infinity, encoding), true);
            if (typeof line === "string") got.push(line);
          }
        }
        const whole = Buffer.concat(parts.map(({ bytes }) => bytes));
        expect(got).toEqual(naiveLines(whole, encoding, Infinity));
      }),
      { numRuns: 1_000 },
    );
  });
});

test("a run leaves the bytes of the lines it has not given in the queue", () => {
  const queue = new ByteQueue(SMALL_BLOCKS);
  queue.append(Buffer.from("one\ntwo\nthree\n"));
  const run = new LineRun(Infinity, "utf8");
  expect(run.take(queue)).toBe("one");
  expect(queue.length).toBe(10);
  expect(queue.take(2).toString()).toBe("tw");
  expect(run.take(queue)).toBe("o");
  expect(run.take(queue)).toBe("three");
  expect(run.take(queue)).toBeUndefined();
});

test.each(["utf8", "latin1"] as const)(
  "lines in turn with another read look at each byte a few times at most: %s",
  (encoding) => {
    const peek = jest.spyOn(ByteQueue.prototype, "peekRun");
    const message = "$5\r\nhelló\n";
    const bytes = Buffer.from(message.repeat(5_000));
    const queue = new ByteQueue();
    queue.append(bytes);
    const run = new LineRun(Infinity, encoding);
    const body = Buffer.byteLength("helló\n");
    for (let n = 0; n < 5_000; n++) {
      expect(takeNextLine(queue, run, false)).toEqual({ value: "$5", done: false });
      expect(queue.take(body).toString()).toBe("helló\n");
    }
    const looked = peek.mock.results.reduce((size, { value }) => size + (value as Buffer).length, 0);
    peek.mockRestore();
    expect(queue.length).toBe(0);
    expect(looked).toBeGreaterThan(0);
    expect(looked).toBeLessThan(3 * bytes.length);
  },
);
