import timersPromises from "node:timers/promises";
import { simulate } from "../../../src/testing/index.js";

test("what is no delay is the shortest one, for all that waits", async () => {
  await simulate({ seed: 1 }, async (network) => {
    for (const delay of [NaN, -5, Infinity, 0]) {
      const start = network.now;
      await timersPromises.setTimeout(delay);
      await timersPromises.scheduler.wait(delay);
      await new Promise((done) => setTimeout(done, delay));
      for await (const tick of timersPromises.setInterval(delay, "tick")) if (tick === "tick") break;
      expect(network.now - start).toBe(4);
    }
  });
});

test.each([-1, 1.5, NaN, "1"])(
  "AbortSignal.timeout refuses %p, as outside of a simulation",
  async (delay) => {
    const call = (): unknown => AbortSignal.timeout(delay as number);
    expect(call).toThrow();
    await simulate({ seed: 1 }, () => expect(call).toThrow('"delay" must be a whole number'));
  },
);
