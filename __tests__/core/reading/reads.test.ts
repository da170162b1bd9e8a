import fc from "../../support/fast-check.js";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { LineSearch, takeTextLine } from "../../../src/core/reading/lines.js";
import {
  Refusal,
  takeAll,
  takeChunk,
  takeExactly,
  takeInto,
  takeIteration,
  takeUntil,
  takeUntilAny,
  WAIT,
  type Take,
} from "../../../src/core/reading/reads.js";
import { Search, SearchForAny } from "../../../src/core/reading/search.js";

/** Small, so that few bytes make many blocks. */
const SMALL_BLOCKS = 4;

/** What a read makes of bytes, in a form that can be compared. */
type Outcome = "wait" | "end" | Refusal["code"] | { taken: string; left: number };

function outcomeOf<A>(take: Take<Buffer | null, A>, queue: ByteQueue, argument: A, ended: boolean): Outcome {
  const before = queue.length;
  const result = take(queue, argument, ended);
  if (result === WAIT || result instanceof Refusal || result === null) {
    expect(queue.length).toBe(before);
    if (result === WAIT) return "wait";
    return result === null ? "end" : result.code;
  }
  return { taken: result.toString("hex"), left: queue.length };
}

/** A line's bytes. */
const takeLine: Take<Buffer | null, number> = (queue, limit, ended) => {
  const line = takeTextLine(queue, new LineSearch(limit, "latin1", "lf"), ended);
  return typeof line === "string" ? Buffer.from(line, "latin1") : line;
};

/** Whether the bytes from `position` on, as far as they have arrived, are the beginning of `needle`. */
function isBegun(needle: Uint8Array, bytes: Buffer, position: number): boolean {
  const tail = bytes.subarray(position);
  return tail.equals(needle.subarray(0, tail.length));
}

/** Tries a read again with every piece that arrives, and at the end of the stream. */
function readInPieces<A>(
  take: Take<Buffer | null, A>,
  argument: A,
  pieces: readonly Uint8Array[],
  ended: boolean,
): Outcome {
  const queue = new ByteQueue(SMALL_BLOCKS);
  for (const piece of pieces) {
    queue.append(Buffer.from(piece));
    const outcome = outcomeOf(take, queue, argument, false);
    if (outcome !== "wait") {
      if (typeof outcome === "string") return outcome;
      const rest = pieces.reduce((size, { length }) => size + length, 0) - queue.position;
      return { ...outcome, left: rest };
    }
  }
  return ended ? outcomeOf(take, queue, argument, true) : "wait";
}

function queueOf(text: string): ByteQueue {
  const queue = new ByteQueue(SMALL_BLOCKS);
  queue.append(Buffer.from(text));
  return queue;
}

const pieces = fc.array(fc.uint8Array({ max: 3, maxLength: 4 }), { maxLength: 12 });
const limit = fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constant(Infinity));

test("readUntil takes what a search of all bytes would find, however they arrive", () => {
  const delimiter = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 });
  fc.assert(
    fc.property(pieces, delimiter, limit, fc.boolean(), (parts, needle, most, ended) => {
      const whole = Buffer.concat(parts);
      const found = whole.indexOf(needle);
      const hopeful = Array.from({ length: Math.min(most, whole.length) + 1 }, (_, begin) => begin);
      let expected: Outcome;
      if (found > most) expected = "ERR_LIMIT";
      else if (found === -1 && !hopeful.some((begin) => isBegun(needle, whole, begin)))
        expected = "ERR_LIMIT";
      else if (found !== -1) {
        const left = whole.length - found - needle.length;
        expected = { taken: whole.toString("hex", 0, found), left };
      } else if (!ended) expected = "wait";
      else expected = whole.length === 0 ? "end" : "ERR_UNEXPECTED_EOF";
      expect(readInPieces(takeUntil, new Search(needle, most), parts, ended)).toEqual(expected);
    }),
    { numRuns: 2_000 },
  );
});

/** Where the first delimiter is complete, the longest one of those that end there. */
function firstComplete(
  delimiters: readonly Uint8Array[],
  bytes: Buffer,
): readonly [number, Uint8Array] | null {
  for (let end = 1; end <= bytes.length; end++) {
    const before = bytes.subarray(0, end);
    const complete = delimiters.filter(
      (each) => end >= each.length && before.subarray(-each.length).equals(each),
    );
    const [longest] = complete.sort((one, other) => other.length - one.length);
    if (longest !== undefined) return [end - longest.length, longest];
  }
  return null;
}

test("of several delimiters readUntil finds the one that is complete first, however the bytes arrive", () => {
  const delimiter = fc.uint8Array({ minLength: 1, maxLength: 4, max: 2 });
  const delimiters = fc.array(delimiter, { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(pieces, delimiters, limit, fc.boolean(), (parts, needles, most, ended) => {
      const whole = Buffer.concat(parts);
      const found = firstComplete(needles, whole);
      let expected: Outcome;
      if (found !== null) {
        const [begin, { length }] = found;
        const left = whole.length - begin - length;
        expected = begin > most ? "ERR_LIMIT" : { taken: whole.toString("hex", 0, begin), left };
      } else {
        const begins = Array.from({ length: Math.min(most, whole.length) + 1 }, (_, begin) => begin);
        const hopeful = begins.some((begin) => needles.some((needle) => isBegun(needle, whole, begin)));
        if (!hopeful) expected = "ERR_LIMIT";
        else if (!ended) expected = "wait";
        else expected = whole.length === 0 ? "end" : "ERR_UNEXPECTED_EOF";
      }
      expect(readInPieces(takeUntil, new SearchForAny(needles, most), parts, ended)).toEqual(expected);
    }),
    { numRuns: 2_000 },
  );
});

test("readUntilAny gives the records and delimiters of a stream one after the other, however they arrive", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ max: 3, maxLength: 6 }), { maxLength: 20 }),
      fc.uniqueArray(fc.stringMatching(/^[\x00-\x03]{1,4}$/), { minLength: 1, maxLength: 64 }),
      (parts, given) => {
        const needles = given.map((text) => Buffer.from(text));
        const sought = { search: new SearchForAny(needles, Infinity), given };
        const queue = new ByteQueue(SMALL_BLOCKS);
        let rest = Buffer.alloc(0);
        for (const part of parts) {
          queue.append(Buffer.from(part));
          rest = Buffer.concat([rest, part]);
          for (;;) {
            const record = takeUntilAny(queue, sought, false);
            const expected = firstComplete(needles, rest);
            if (expected === null) {
              expect(record).toBe(WAIT);
              break;
            }
            const [begin, delimiter] = expected;
            expect(record).toEqual({
              bytes: Buffer.from(rest.subarray(0, begin)),
              delimiter: Buffer.from(delimiter).toString(),
            });
            rest = rest.subarray(begin + delimiter.length);
          }
        }
      },
    ),
    { numRuns: 1_000 },
  );
});

test("a search begins anew when other bytes are at the front of the queue", () => {
  for (const search of [
    new Search(Buffer.from("--"), 9),
    new SearchForAny([Buffer.from("--"), Buffer.from("|")], 9),
  ]) {
    const queue = queueOf("abc-");
    expect(search.in(queue)).toBe(-1);
    queue.putBack([Buffer.from("1--")]);
    expect(search.in(queue)).toBe(1);
    queue.skip(3);
    expect(search.in(queue)).toBe(-1);
    queue.skip(1);
    queue.append(Buffer.from("-"));
    expect(search.in(queue)).toBe(2);
    expect(search.in(queue)).toBe(2);
  }
});

test("readLine takes what a search of all bytes would find, however they arrive", () => {
  const letters = fc.array(fc.constantFrom(0x61, 0x62, 0x0d, 0x0a), { maxLength: 4 });
  const parts = fc.array(
    letters.map((codes) => Uint8Array.from(codes)),
    { maxLength: 10 },
  );
  fc.assert(
    fc.property(parts, limit, fc.boolean(), (given, most, ended) => {
      const whole = Buffer.concat(given);
      const found = whole.indexOf("\n");
      let expected: Outcome;
      if (found !== -1) {
        const size = whole[found - 1] === 0x0d ? found - 1 : found;
        expected = { taken: whole.toString("hex", 0, size), left: whole.length - found - 1 };
        if (size > most) expected = "ERR_LIMIT";
      } else if (whole.length > most && (whole.length !== most + 1 || whole[most] !== 0x0d)) {
        expected = "ERR_LIMIT";
      } else if (!ended) expected = "wait";
      else if (whole.length === 0) expected = "end";
      else
        expected = {
          taken: whole.toString("hex", 0, whole.length - (whole.at(-1) === 0x0d ? 1 : 0)),
          left: 0,
        };
      expect(readInPieces(takeLine, most, given, ended)).toEqual(expected);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  ["abcd\n", 4, "abcd"],
  ["abcd\r\n", 4, "abcd"],
  ["abcde\n", 4, "ERR_LIMIT"],
  ["abcde\r\n", 4, "ERR_LIMIT"],
  ["abcd\r", 4, "wait"],
  ["abcde", 4, "ERR_LIMIT"],
  ["abcd\rx", 4, "ERR_LIMIT"],
  ["abcd", 4, "wait"],
  ["\n", 0, ""],
  ["\r\n", 0, ""],
  ["\r", 0, "wait"],
  ["x", 0, "ERR_LIMIT"],
])("a line of %j with a limit of %i gives %j", (text, most, expected) => {
  const outcome = outcomeOf(takeLine, queueOf(text), most, false);
  expect(typeof outcome === "string" ? outcome : Buffer.from(outcome.taken, "hex").toString()).toBe(expected);
});

test.each([
  ["abcd\r\n", 4, "abcd"],
  ["abcd\r", 4, "wait"],
  ["abcd", 4, "wait"],
  ["abcde", 4, "ERR_LIMIT"],
  ["abcd\rx", 4, "ERR_LIMIT"],
  ["abcde\r", 4, "ERR_LIMIT"],
  ["\r", 0, "wait"],
  ["\n", 0, "ERR_LIMIT"],
])("%j before \\r\\n with a limit of %i gives %j", (text, most, expected) => {
  const outcome = outcomeOf(takeUntil, queueOf(text), new Search(Buffer.from("\r\n"), most), false);
  expect(typeof outcome === "string" ? outcome : Buffer.from(outcome.taken, "hex").toString()).toBe(expected);
});

test("readExactly waits for all, and fails at the end of the stream", () => {
  expect(outcomeOf(takeExactly, queueOf("abc"), 4, false)).toBe("wait");
  expect(outcomeOf(takeExactly, queueOf("abc"), 4, true)).toBe("ERR_UNEXPECTED_EOF");
  expect(outcomeOf(takeExactly, queueOf("abc"), 3, true)).toEqual({ taken: "616263", left: 0 });
  expect(outcomeOf(takeExactly, queueOf("abc"), 0, false)).toEqual({ taken: "", left: 3 });
});

test("readAll waits for the end, and fails as soon as there is more than the limit", () => {
  expect(outcomeOf(takeAll, queueOf("abc"), 3, false)).toBe("wait");
  expect(outcomeOf(takeAll, queueOf("abc"), 2, false)).toBe("ERR_LIMIT");
  expect(outcomeOf(takeAll, queueOf("abc"), 3, true)).toEqual({ taken: "616263", left: 0 });
  expect(outcomeOf(takeAll, queueOf(""), 0, true)).toEqual({ taken: "", left: 0 });
});

test("read and its iteration take what is there, then find the end", () => {
  const queue = queueOf("ab");
  expect(takeIteration(queue, undefined, false)).toEqual({ value: Buffer.from("ab"), done: false });
  expect(takeChunk(queue, undefined, false)).toBe(WAIT);
  expect(takeChunk(queue, undefined, true)).toBeNull();
  expect(takeIteration(queue, undefined, true)).toEqual({ value: undefined, done: true });
});

test("readInto takes what fits, and nothing into nothing", () => {
  const queue = queueOf("abc");
  const target = Buffer.alloc(2);
  expect(takeInto(queue, new Uint8Array(0), false)).toBe(0);
  expect(takeInto(queue, target, false)).toBe(2);
  expect(target.toString()).toBe("ab");
  expect(takeInto(queue, target, true)).toBe(1);
  expect(takeInto(queue, target, false)).toBe(WAIT);
  expect(takeInto(queue, target, true)).toBeNull();
});
