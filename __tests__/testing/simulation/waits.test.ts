import timers from "node:timers";
import timersPromises from "node:timers/promises";
import { promisify } from "node:util";
import { simulate } from "../../../src/testing/index.js";
import { failure } from "../../support/outcomes.js";

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

test.each([-1, 1.5, NaN, 2 ** 32, 2 ** 40, "1"])(
  "AbortSignal.timeout refuses %p, as outside of a simulation",
  async (delay) => {
    const call = (): unknown => AbortSignal.timeout(delay as number);
    expect(call).toThrow();
    await simulate({ seed: 1 }, () => expect(call).toThrow('"delay" must be a whole number'));
  },
);

/** How calls end that need not wait: with the codes of errors. */
async function outcomes(calls: readonly (() => unknown)[]): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const call of calls) {
    // A call that throws in place of rejecting fails the test.
    const outcome = call() as Promise<unknown>;
    all.push(await outcome.catch((error: unknown) => (error as { code: string }).code));
  }
  return all;
}

type Wait = (...args: readonly unknown[]) => unknown;

test.each<[what: string, args: readonly unknown[]]>([
  ["a delay that is no number", ["50"]],
  ["no delay", [null]],
  ["options that are null", [1, 1, null]],
  ["options that are a number", [1, 1, 5]],
  ["options that are a list", [1, 1, []]],
  ["a signal that is none", [1, 1, { signal: {} }]],
  ["no signal", [1, 1, { signal: null }]],
  ["a ref that is no boolean", [1, 1, { ref: 5 }]],
  ["a ref", [1, 1, { ref: true }]],
  ["no number", [NaN, 1, {}]],
])("waits reject as outside of a simulation: %s", async (_what, args) => {
  const calls = (): readonly (() => unknown)[] => {
    const { setTimeout: wait, setInterval: loop, scheduler } = timersPromises;
    const [ms, value, options] = args;
    return [
      () => (wait as Wait)(ms, value, options),
      () => (promisify(setTimeout) as Wait)(ms, value, options),
      () => (scheduler.wait.bind(scheduler) as Wait)(ms, options),
      async () => {
        const ticks = (loop as Wait)(ms, value, options) as AsyncGenerator;
        const tick = await ticks.next();
        await ticks.return(undefined);
        return tick;
      },
    ];
  };
  const outside = await outcomes(calls());
  expect(await simulate({ seed: 1 }, () => outcomes(calls()))).toEqual(outside);
});

test("what promisify makes of setTimeout and setImmediate takes a signal", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const controller = new AbortController();
    const waits = [
      promisify(setTimeout)(10_000, "value", controller),
      promisify(timers.setTimeout)(10_000, "value", controller),
    ];
    setTimeout(() => controller.abort(), 100);
    for (const wait of waits) expect(await failure(wait)).toMatchObject({ name: "AbortError" });
    expect(network.now).toBe(100);
    expect(await failure(promisify(setImmediate)("value", controller))).toMatchObject({ name: "AbortError" });
    expect(await promisify(setTimeout)(1, "value")).toBe("value");
  });
});

test("a loop over setInterval whose consumer is slow ends when its signal is aborted", async () => {
  const rounds = await simulate({ seed: 1 }, async (network) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 1_000);
    const begun: number[] = [];
    const loop = async (): Promise<void> => {
      for await (const tick of timersPromises.setInterval(100, "tick", controller)) {
        expect(tick).toBe("tick");
        begun.push(network.now);
        await timersPromises.setTimeout(150);
      }
    };
    expect(await failure(loop())).toMatchObject({
      name: "AbortError",
      code: "ABORT_ERR",
      cause: new Error("enough"),
    });
    return begun;
  });
  // As with Node's: what was due before the abort is yielded, nothing after it.
  expect(rounds).toEqual([100, 250, 400, 550, 700, 850, 1_000, 1_150, 1_300]);
});

test("a loop over setInterval waits no longer once its signal is aborted", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 150);
    const ticks = timersPromises.setInterval(100, "tick", controller);
    await ticks.next();
    expect(await failure(ticks.next())).toMatchObject({ name: "AbortError" });
    expect(network.now).toBe(150);
    const late = timersPromises.setInterval(100, "tick", controller);
    expect(await failure(late.next())).toMatchObject({ name: "AbortError" });
    expect(network.now).toBe(150);
  });
});

test("a loop over setInterval that is left sets no timer any more", async () => {
  const error = await failure(
    simulate({ seed: 1 }, async () => {
      for await (const tick of timersPromises.setInterval(100, "tick")) if (tick === "tick") break;
      await new Promise(() => undefined);
    }),
  );
  expect(error).toMatchObject({ code: "ERR_DEADLOCK" });
});
