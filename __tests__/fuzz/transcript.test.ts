import { fault, type Fate, type Received, type Written } from "./transcript.js";

/** Writes that were made one after the other, and waited for. */
function wrote(...writes: readonly (readonly [text: string, fate?: Fate, lane?: string])[]): Written[] {
  return writes.map(([text, fate = "whole", lane = "one"], at) => ({
    lane,
    bytes: Buffer.from(text),
    by: `write ${String(at)}`,
    fate,
    startedAt: 10 * at,
    settledAt: 10 * at + 5,
  }));
}

function read(...reads: readonly (readonly [text: string, lane?: string])[]): Received[] {
  return reads.map(([text, lane = "one"], at) => ({
    lane,
    bytes: Buffer.from(text),
    by: `read ${String(at)}`,
    isLine: text.endsWith("\n"),
    startedAt: 10 * at,
    settledAt: 10 * at + 5,
  }));
}

/** The same, all at one time. */
function atOnce<T extends { startedAt: number; settledAt: number }>(items: readonly T[]): T[] {
  return items.map((item) => ({ ...item, startedAt: 0, settledAt: 1_000 }));
}

test("what was read may be cut in other places than what was written", () => {
  expect(fault(wrote(["abc"], [""], ["defg"]), read(["ab"], ["cdef"], ["g"]), true)).toBeUndefined();
});

test("a stream that has not ended well may break off anywhere, one that has may not", () => {
  for (const text of ["", "abc", "abcd"]) {
    expect(fault(wrote(["abc"], ["def"]), read([text]), false)).toBeUndefined();
    expect(fault(wrote(["abc"], ["def"]), read([text]), true)).toMatch(/write \d is missing from byte [01]$/);
  }
});

test("a byte that is lost, doubled, changed, out of place or made up is a fault, and its place is named", () => {
  const written = wrote(["abcdef"], ["ghij"]);
  expect(fault(written, read(["abdef"]), false)).toBe(
    'after 2 bytes: byte 2 of read 0 is "def" instead of "cdef" (byte 2 of write 0)',
  );
  expect(fault(written, read(["abc"], ["cdef"]), false)).toMatch(/^after 3 bytes: byte 0 of read 1 /);
  expect(fault(written, read(["abcdEf"]), false)).toMatch(/^after 4 bytes: /);
  expect(fault(written, read(["ghijabcdef"]), false)).toMatch(/^after 0 bytes: /);
  expect(fault(written, read(["abcdefghijk"]), false)).toBe(
    'after 10 bytes: byte 10 of read 0 is "k" instead of nothing more that was written',
  );
});

test("a write that was taken back must not arrive, one that may or may not have been must be whole", () => {
  expect(fault(wrote(["ab"], ["cd", "nothing"], ["ef"]), read(["abef"]), true)).toBeUndefined();
  expect(fault(wrote(["ab"], ["cd", "nothing"], ["ef"]), read(["abcdef"]), true)).toMatch(/^after 2 bytes/);
  for (const text of ["abef", "abcdef"]) {
    expect(fault(wrote(["ab"], ["cd", "either"], ["ef"]), read([text]), true)).toBeUndefined();
  }
  expect(fault(wrote(["ab"], ["cd", "either"], ["ef"]), read(["abcef"]), true)).toMatch(/^after 3 bytes/);
  expect(fault(wrote(["ab"], ["cd", "either"]), read(["abc"]), true)).toMatch(
    /write 1 is missing from byte 1$/,
  );
});

test("writes of two lanes may mix unless one had settled when the other began; none is torn apart", () => {
  const written = wrote(["ab", "whole", "one"], ["cd", "whole", "two"]);
  expect(fault(written, read(["cdab"]), true)).toMatch(/^after 0 bytes/);
  expect(fault(atOnce(written), read(["cdab"]), true)).toBeUndefined();
  expect(fault(atOnce(written), read(["acdb"]), true)).toMatch(/^after 1 bytes/);
});

test("reads of two lanes may mix unless one had settled when the other began", () => {
  const received = read(["cd", "one"], ["ab", "two"], ["ef", "one"]);
  expect(fault(wrote(["abcdef"]), received, true)).toMatch(/^after 0 bytes/);
  expect(fault(wrote(["abcdef"]), atOnce(received), true)).toBeUndefined();
});

test("only a last line may lack its terminator", () => {
  expect(fault(wrote(["one\ntwo"]), read(["one\n"], ["two\n"]), true)).toBeUndefined();
  expect(fault(wrote(["one"], ["two"]), read(["one\n"]), true)).toMatch(/^after 3 bytes/);
  expect(fault(wrote(["one two"]), read(["one\n"]), true)).toMatch(/^after 3 bytes/);
  expect(fault(wrote(["one two"]), read(["one\n"]), false)).toBeUndefined();
  expect(fault(wrote(["one"], ["two"]), read(["one\n"], ["two"]), false)).toMatch(/^after 3 bytes/);
});

test("many thousands of lines are compared quickly", () => {
  const line = "a line\n";
  const lines = read(...Array.from({ length: 20_000 }, () => [line] as const));
  expect(fault(wrote([line.repeat(20_000)]), lines, true)).toBeUndefined();
});
