import { bundle } from "../support/bundle.js";
import { endPrograms, Program } from "../support/program.js";

afterEach(endPrograms);

/** What is said of each planted fault, and most steps of the scenario that is left of the one that has found it. */
const FOUND: Readonly<Record<string, readonly [complaint: RegExp, steps: number]>> = {
  "loses a byte, once": [/^from (?:a to b|b to a), after 0 bytes: byte 0 of /m, 1],
  "gives a chunk twice": [/^from (?:a to b|b to a), after \d+ bytes: byte 0 of /m, 1],
  "never settles a read that is reset": [/read\(.*\): has not settled although both ends have ended$/m, 4],
  "leaves a listener on a signal": [/^\d+ listeners were left on signals$/m, 1],
  "leaves a timer": [/^left behind: 1 timers of the library at [ab]/m, 1],
  "takes longer than its timeout": [
    /(?:peek|readExactly)\(.*\): has (?:taken \d+ ms|not settled within its bound)$/m,
    1,
  ],
  "ends a stream too early": [/ is missing from byte \d+$|gives null instead of ERR_CLOSED$/m, 2],
  "leaves a rejection unhandled": [/^unhandledRejection: Error: nothing handles this$/m, 1],
};

test("random sequences over the simulated network find faults that are planted, and make them short", async () => {
  // A process of its own, since a test runner keeps unhandled rejections to itself.
  const program = bundle(new URL("planted.ts", import.meta.url));
  const { stdout } = await new Program(process.execPath, [program], { NODE_OPTIONS: "" }).ended;
  const { "does nothing wrong": none, ...found } = JSON.parse(stdout.toString()) as Record<string, string>;
  expect(none).toBe("seeds 1 to 1: 20 scenarios held");
  expect(Object.keys(found)).toEqual(Object.keys(FOUND));
  for (const [fault, [complaint, steps]] of Object.entries(FOUND)) {
    expect(found[fault]).toMatch(complaint);
    expect(found[fault]?.match(/^ +\d+\. /gm)?.length ?? 0).toBeLessThanOrEqual(steps);
  }
}, 120_000);
