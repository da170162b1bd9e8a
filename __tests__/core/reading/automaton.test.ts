import fc from "../../support/fast-check.js";
import { Automaton } from "../../../src/core/reading/automaton.js";

const bytes = (text: string) => Buffer.from(text, "latin1");

/** Where the first needle is complete, and which one: of those that end there, the longest, and of equal ones the first. */
function naive(needles: readonly string[], text: string): { passed: number; match: number } {
  for (let passed = 1; passed <= text.length; passed++) {
    const before = text.slice(0, passed);
    const ending = needles.filter((needle) => before.endsWith(needle));
    const longest = Math.max(...ending.map((needle) => needle.length));
    if (ending.length > 0)
      return { passed, match: needles.findIndex((one) => one.length === longest && ending.includes(one)) };
  }
  return { passed: text.length, match: -1 };
}

function found(needles: readonly string[], pieces: readonly string[]): { passed: number; match: number } {
  const automaton = new Automaton(needles.map(bytes));
  let state = 0;
  let passed = 0;
  for (const piece of pieces) {
    passed += automaton.advance(state, bytes(piece));
    state = automaton.state;
    if (automaton.matchIn(state) !== -1) break;
  }
  return { passed, match: automaton.matchIn(state) };
}

const text = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 20 });
const needle = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 });

test("it passes all bytes up to the first that completes a needle, and says which, however the bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(needle, { minLength: 1, maxLength: 4 }),
      fc.array(text, { maxLength: 4 }),
      (needles, pieces) => {
        expect(found(needles, pieces)).toEqual(naive(needles, pieces.join("")));
      },
    ),
    { numRuns: 500 },
  );
});

test("of needles that are complete at once it is the longest, and of equal ones the first", () => {
  expect(found(["bc", "abc", "c"], ["abc"])).toEqual({ passed: 3, match: 1 });
  expect(found(["ab", "ab"], ["ab"])).toEqual({ passed: 2, match: 0 });
});

test("a needle that is only begun stops nothing", () => {
  expect(found(["abc"], ["ababab"])).toEqual({ passed: 6, match: -1 });
});
