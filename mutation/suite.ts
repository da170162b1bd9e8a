/**
 * The cases of the contract, and random sequences of calls, as tests of jest's in the process that runs them: the suite
 * itself runs them in processes of their own, where a mutant could not be switched on.
 */
import { connectionContract } from "../src/testing/contract/contract.js";
import { fuzz } from "../__tests__/fuzz/fuzz.js";
import { kindsWithout, pairKinds } from "../__tests__/support/pairs.js";

/** Cases that are about the amount, and take as long as fifty others. */
const SLOW = /fifty|32 MiB|100 000|tiny deadlines/;

/** Of the cases, those whose names fit this, if it is given. */
const CHOSEN = new RegExp(process.env["CASES"] ?? "", "u");

export function contractHoldsFor(name: string): void {
  const kind = [...pairKinds, ...kindsWithout].find((each) => each.name === name);
  if (kind === undefined) throw new Error(`no such kind of connection: ${name}`);
  describe(kind.name, () => {
    beforeAll(() => kind.enter?.());
    afterAll(() => kind.leave?.());
    for (const { name, run } of connectionContract)
      if (CHOSEN.test(name) && !SLOW.test(name)) test(name, () => run(kind.makePair));
  });
}

/** Enough for each kind of connection to have some; `npm run soak` has more. */
const SCENARIOS = 300;

export function randomSequencesHold(): void {
  test("random sequences of calls", async () => {
    const { text, failed } = await fuzz({ runs: SCENARIOS, seed: 1 });
    if (failed) throw new Error(text);
  }, 120_000);
}
