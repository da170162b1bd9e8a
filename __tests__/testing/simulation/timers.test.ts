import timersPromises from "node:timers/promises";
import { simulate } from "../../../src/testing/index.js";

/** Taken before a simulation, as modules do when they are loaded. */
const { clearInterval: clearIntervalBefore, clearTimeout: clearTimeoutBefore } = globalThis;

/** How a program sets timers and clears them; the numbers are when they have fired, in virtual ms. */
async function firings(program: (fired: () => void) => void): Promise<number[]> {
  return await simulate({ seed: 1 }, async (network) => {
    const times: number[] = [];
    program(() => void times.push(network.now));
    await timersPromises.setTimeout(1_000);
    return times;
  });
}

test("a timer that was cleared stays so, whatever refreshes it", async () => {
  const times = await firings((fired) => {
    const timer = setTimeout(fired, 100);
    clearTimeout(timer);
    timer.refresh();
    setTimeout(fired, 200).close().refresh();
    clearInterval(setInterval(fired, 300).refresh());
  });
  expect(times).toEqual([]);
});

test("a timer that is refreshed waits anew, also when it has fired", async () => {
  const times = await firings((fired) => {
    const timer = setTimeout(fired, 100);
    setTimeout(() => timer.refresh(), 50);
    setTimeout(() => timer.refresh(), 400);
  });
  expect(times).toEqual([150, 500]);
});

test("a callback has its timer for `this`", async () => {
  const times = await firings((fired) => {
    setInterval(function (this: NodeJS.Timeout) {
      fired();
      clearInterval(this);
    }, 10);
    const timer = setTimeout(function (this: NodeJS.Timeout) {
      if (this === timer) fired();
    }, 20);
  });
  expect(times).toEqual([10, 20]);
});

test("functions that were taken before clear timers, too", async () => {
  const times = await firings((fired) => {
    clearTimeoutBefore(setTimeout(fired, 100));
    clearIntervalBefore(setInterval(fired, 100));
    const timer = setTimeout(fired, 200);
    clearTimeoutBefore(timer);
    timer.refresh();
  });
  expect(times).toEqual([]);
});

test("what a simulation has set is cleared after it as any other timer", async () => {
  let fired = 0;
  const timer = await simulate({ seed: 1 }, () => setInterval(() => fired++, 1));
  timer.refresh();
  clearInterval(timer);
  await timersPromises.setTimeout(5);
  expect(fired).toBe(0);
});
