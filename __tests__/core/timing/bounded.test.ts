import { waitWithin } from "../../../src/core/timing/bounded.js";
import { turn } from "../../support/outcomes.js";

test("a result that comes in the turn in which time is up is in time, and its work is not stopped", async () => {
  let settle: (value: string) => void = () => undefined;
  let stopped = 0;
  const waiting = waitWithin<string>("connect", { text: "the test" }, { timeout: 1 }, (resolve) => {
    settle = resolve;
    return () => stopped++;
  });
  // Both timers are due when the event loop turns, and the one that was set first fires before the result comes.
  setTimeout(() => setImmediate(settle, "here"), 1);
  for (const end = performance.now() + 10; performance.now() < end;);
  expect(await waiting).toBe("here");
  for (let turns = 0; turns < 5; turns++) await turn();
  expect(stopped).toBe(0);
});
