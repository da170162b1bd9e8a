import { clock } from "../../../src/core/timing/clock.js";
import { letArrive, letReport } from "../../../src/core/timing/let-arrive.js";
import { turn } from "../../support/outcomes.js";

/** How many turns of the event loop pass, of at most ten, until `begin` has its callback called. */
async function turnsUntil(begin: (callback: () => void) => void): Promise<number> {
  const calls: true[] = [];
  begin(() => calls.push(true));
  let turns = 0;
  for (; calls.length === 0 && turns < 10; turns++) await turn();
  return turns;
}

describe("what has arrived is told first", () => {
  test("the callback comes in the second turn", async () => {
    expect(await turnsUntil((callback) => letArrive(clock, callback))).toBe(2);
  });

  test.each([0, 1])("it does not come once it was disposed of in turn %i", async (turns) => {
    const calls: string[] = [];
    const disposed = letArrive(clock, () => calls.push("disposed"));
    for (let n = 0; n < turns; n++) await turn();
    disposed[Symbol.dispose]();
    letArrive(clock, () => calls.push("kept"));
    for (let n = 0; n < 3; n++) await turn();
    expect(calls).toEqual(["kept"]);
  });
});

describe("what a stream takes at once is told first", () => {
  test.each<[string, number[], number]>([
    ["at once if nothing is unsent", [0], 1],
    ["when nothing is unsent any more", [3, 2, 1, 0], 4],
    ["after two turns without progress", [3, 3, 3, 3], 3],
    ["after two turns without progress in a row", [4, 4, 3, 3, 2, 2, 2, 2], 7],
    ["after two turns in which only more has come", [3, 4, 5, 6], 3],
  ])("%s", async (_, unsent, turns) => {
    const counts = [...unsent];
    expect(await turnsUntil((callback) => letReport(() => counts.shift() ?? 0, callback))).toBe(turns);
  });
});
