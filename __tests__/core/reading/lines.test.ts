import { jest } from "@jest/globals";
import fc from "../../support/fast-check.js";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { LineRun, LineSearch, takeNextLine, takeTextLine } from "../../../src/core/reading/lines.js";
import type { LineTerminator } from "../../../src/index.js";
import { Refusal, WAIT } from "../../../src/core/reading/reads.js";

/** Small, so that few bytes make many blocks. */
const SMALL_BLOCKS = 4;

const TERMINATORS = ["lf", "crlf", "cr", "any"] as const;

/** The next line of a text with one character for each byte, and what comes after it. */
const LINES = {
  lf: /^([^\n]*?)\r?(\n|$)/,
  crlf: /^([^\r\n]*)(\r\n|\r|\n|$)/,
  cr: /^([^\r]*)(\r|$)/,
  any: /^([^\r\n]*)(\r\n|\r|\n|$)/,
};

interface Outcome {
  readonly lines: string[];
  /** Why there are no more lines. */
  stop: "end" | "wait" | Refusal["code"];
  /** The bytes that are left unread, one character for each. */
  left: string;
}

/** The lines of a stream, one way of saying what they are. */
function naiveLines(
  bytes: Buffer,
  encoding: BufferEncoding,
  limit: number,
  terminator: LineTerminator,
): Outcome {
  const lines: string[] = [];
  for (let left = bytes.toString("latin1"); ;) {
    if (left === "") return { lines, stop: "end", left };
    const [whole = "", line = "", end = ""] = LINES[terminator].exec(left) ?? [];
    if (line.length > limit) return { lines, stop: "ERR_LIMIT", left };
    if (terminator === "crlf" && end !== "\r\n") {
      const isCut = end === "" || (end === "\r" && whole === left);
      return { lines, stop: isCut ? "ERR_UNEXPECTED_EOF" : "ERR_INVALID_LINE", left };
    }
    lines.push(Buffer.from(line, "latin1").toString(encoding));
    left = left.slice(whole.length);
  }
}

/** Has bytes arrive, as a connection does. */
function arrive(queue: ByteQueue, bytes: Buffer, copied = false): void {
  while (queue.feedsToDrop > 0 && bytes.length > 0 && queue.drops(bytes[0])) bytes = bytes.subarray(1);
  if (copied) queue.copy(bytes, bytes.length);
  else queue.append(bytes as Buffer<ArrayBuffer>);
}

/** Takes lines while there are any. Returns why there are no more. */
function takeAvailable(
  queue: ByteQueue,
  take: (ended: boolean) => ReturnType<typeof takeNextLine>,
  ended: boolean,
  into: string[],
): Outcome["stop"] {
  for (;;) {
    const before = queue.length;
    const next = take(ended);
    if (next === WAIT || next instanceof Refusal) {
      if (queue.length !== before) throw new Error("a read that has not succeeded has taken bytes");
      return next === WAIT ? "wait" : next.code;
    }
    if (next.done === true) return "end";
    into.push(next.value);
  }
}

/** The lines of a stream that arrives in parts: those of a loop, or of single reads. */
function readInParts(
  parts: readonly { readonly bytes: Buffer; readonly copied: boolean }[],
  [limit, encoding, terminator]: readonly [number, BufferEncoding, LineTerminator],
  reads: "loop" | "single" = "loop",
): Outcome {
  const queue = new ByteQueue(SMALL_BLOCKS);
  const run = new LineRun(limit, encoding, terminator);
  const take = (ended: boolean): ReturnType<typeof takeNextLine> => {
    if (reads === "loop") return takeNextLine(queue, run, ended);
    const line = takeTextLine(queue, new LineSearch(limit, encoding, terminator), ended);
    if (line === null) return { value: undefined, done: true };
    return typeof line === "string" ? { value: line, done: false } : line;
  };
  const outcome: Outcome = { lines: [], stop: "wait", left: "" };
  for (const { bytes, copied } of parts) {
    arrive(queue, bytes, copied);
    if (outcome.stop === "wait") outcome.stop = takeAvailable(queue, take, false, outcome.lines);
  }
  if (outcome.stop === "wait") outcome.stop = takeAvailable(queue, take, true, outcome.lines);
  outcome.left = queue.take(queue.length).toString("latin1");
  return outcome;
}

/** All ways to cut bytes into parts that are not empty. */
function* splits(bytes: Buffer): Generator<Buffer[]> {
  for (let cuts = 0; cuts < 2 ** Math.max(0, bytes.length - 1); cuts++) {
    const parts = [];
    let from = 0;
    for (let at = 1; at <= bytes.length; at++) {
      if (at < bytes.length && (cuts & (1 << (at - 1))) === 0) continue;
      parts.push(bytes.subarray(from, at));
      from = at;
    }
    yield parts;
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

const cases = TERMINATORS.flatMap((terminator) =>
  (["utf8", "latin1", "ascii"] as const).map((encoding) => [terminator, encoding] as const),
);

describe.each(cases)("lines that end with %s, in %s", (terminator, encoding) => {
  test("are those of the whole stream, however it is cut", () => {
    fc.assert(
      fc.property(arrivals, limit, fc.constantFrom("loop", "single"), (parts, most, reads) => {
        const whole = Buffer.concat(parts.map(({ bytes }) => bytes));
        expect(readInParts(parts, [most, encoding, terminator], reads)).toEqual(
          naiveLines(whole, encoding, most, terminator),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  test("are the same whether a loop or single reads take them, in turns", () => {
    fc.assert(
      fc.property(arrivals, fc.array(fc.boolean(), { minLength: 1 }), (parts, turns) => {
        const queue = new ByteQueue(SMALL_BLOCKS);
        for (const { bytes } of parts) queue.append(bytes);
        const run = new LineRun(Infinity, encoding, terminator);
        const got: string[] = [];
        for (let n = 0, isOver = false; queue.length > 0 && !isOver; n++) {
          const before = got.length;
          if (turns[n % turns.length] === true) {
            const next = takeNextLine(queue, run, true);
            if (next !== WAIT && !(next instanceof Refusal) && next.done !== true) got.push(next.value);
          } else {
            const line = takeTextLine(queue, new LineSearch(Infinity, encoding, terminator), true);
            if (typeof line === "string") got.push(line);
          }
          isOver = got.length === before;
        }
        const whole = Buffer.concat(parts.map(({ bytes }) => bytes));
        expect(got).toEqual(naiveLines(whole, encoding, Infinity, terminator).lines);
      }),
      { numRuns: 500 },
    );
  });
});

test.each(TERMINATORS)("short streams of lines that end with %s are the same in all splits", (terminator) => {
  const differences = [];
  for (let length = 0; length <= 4; length++) {
    for (let number = 0; number < 3 ** length; number++) {
      const bytes = Buffer.from(
        Array.from({ length }, (_, at) => "a\r\n".charCodeAt((number / 3 ** at) % 3)),
      );
      for (const most of [0, 1, 2, Infinity]) {
        const expected = JSON.stringify(naiveLines(bytes, "utf8", most, terminator));
        for (const parts of splits(bytes)) {
          const arriving = parts.map((part) => ({ bytes: part, copied: false }));
          for (const reads of ["loop", "single"] as const) {
            const got = JSON.stringify(readInParts(arriving, [most, "utf8", terminator], reads));
            if (got !== expected) differences.push({ parts, most, reads, got, expected });
          }
        }
      }
    }
  }
  expect(differences).toEqual([]);
});

test.each([
  ["\r", "any"],
  ["\r\r\n", "any"],
  ["\n\r", "any"],
  ["\r", "cr"],
  ["\n", "any"],
  ["\r\n", "crlf"],
] as const)(
  "many lines of nothing but %j take time in proportion to their number: %s",
  (text, terminator) => {
    const search = jest.spyOn(String.prototype, "indexOf");
    const queue = new ByteQueue();
    const count = 10_000;
    queue.append(Buffer.from(text.repeat(count)));
    const run = new LineRun(Infinity, "utf8", terminator);
    const lines: string[] = [];
    const stop = takeAvailable(queue, () => takeNextLine(queue, run, true), true, lines);
    const searches = search.mock.calls.length;
    search.mockRestore();
    expect(stop).toBe("end");
    expect(lines).toEqual(naiveLines(Buffer.from(text.repeat(count)), "utf8", Infinity, terminator).lines);
    expect(searches).toBeLessThanOrEqual(2 * lines.length + 2);
  },
);

test("a run leaves the bytes of the lines it has not given in the queue", () => {
  const queue = new ByteQueue(SMALL_BLOCKS);
  queue.append(Buffer.from("one\ntwo\nthree\n"));
  const run = new LineRun(Infinity, "utf8", "lf");
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
    const run = new LineRun(Infinity, encoding, "lf");
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
