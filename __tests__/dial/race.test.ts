import { getEventListeners } from "node:events";
import fc from "../support/fast-check.js";
import { interleave, MAX_IN_FLIGHT, race, type Outcome } from "../../src/dial/race.js";
import { ManualClock } from "../../src/testing/manual-clock.js";

/** Resolves when every promise that can settle now has. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Attempt {
  readonly signal: AbortSignal;
  readonly at: number;
  succeed(value?: string): Promise<void>;
  fail(message: string): Promise<void>;
}

/** A race of addresses that are names only, with attempts that the test ends. */
function start(addresses: readonly string[], attemptDelay = 250) {
  const clock = new ManualClock();
  const controller = new AbortController();
  const attempts = new Map<string, Attempt>();
  const discarded: string[] = [];
  const outcome: { value?: Outcome<string, string>; error?: unknown } = {};
  const began = clock.now();
  const promise = race<string, string>(addresses, {
    attemptDelay,
    clock,
    signal: controller.signal,
    isFatal: (error) => (error as Error).message === "fatal",
    discard: (late) => discarded.push(late),
    attempt: (address, signal) =>
      new Promise((resolve, reject) => {
        attempts.set(address, {
          signal,
          at: clock.now() - began,
          succeed: (value = `to ${address}`) => (resolve(value), settled()),
          fail: (message) => (reject(new Error(message)), settled()),
        });
      }),
  });
  promise.then(
    (value) => (outcome.value = value),
    (error: unknown) => (outcome.error = error),
  );
  return {
    clock,
    controller,
    discarded,
    outcome,
    promise,
    begun: () => [...attempts].map(([address, { at }]) => `${address}@${at}`),
    attempt: (address: string): Attempt => {
      const found = attempts.get(address);
      if (found === undefined) throw new Error(`${address} was not tried`);
      return found;
    },
    expectNothingLeft: () => {
      expect(clock.pending).toBe(0);
      expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    },
  };
}

describe("order", () => {
  test("an attempt begins each attemptDelay while none has ended", async () => {
    const { clock, begun } = start(["a", "b", "c"]);
    expect(begun()).toEqual(["a@0"]);
    await clock.advance(249);
    expect(begun()).toEqual(["a@0"]);
    await clock.advance(1);
    expect(begun()).toEqual(["a@0", "b@250"]);
    await clock.advance(1_000);
    expect(begun()).toEqual(["a@0", "b@250", "c@500"]);
    expect(clock.pending).toBe(0);
  });

  test("a failure begins the next at once, and the delay anew", async () => {
    const { clock, attempt, begun } = start(["a", "b", "c", "d"]);
    await clock.advance(100);
    await attempt("a").fail("refused");
    expect(begun()).toEqual(["a@0", "b@100"]);
    await clock.advance(249);
    expect(begun()).toHaveLength(2);
    await clock.advance(1);
    expect(begun()).toEqual(["a@0", "b@100", "c@350"]);
    await attempt("b").fail("refused");
    expect(begun()).toEqual(["a@0", "b@100", "c@350", "d@350"]);
  });

  test.each([Infinity, 2 ** 31])("an attemptDelay of %d is strictly sequential", async (attemptDelay) => {
    const { clock, attempt, begun, promise } = start(["a", "b"], attemptDelay);
    expect(clock.pending).toBe(0);
    await clock.advance(1_000_000);
    expect(begun()).toEqual(["a@0"]);
    await attempt("a").fail("refused");
    expect(begun()).toEqual(["a@0", "b@1000000"]);
    await attempt("b").succeed();
    expect(await promise).toEqual({ won: "to b", address: "b" });
  });

  test.each([0, 9])("an attemptDelay of %d is one of 10", async (attemptDelay) => {
    const { clock, begun } = start(["a", "b"], attemptDelay);
    await clock.advance(9);
    expect(begun()).toEqual(["a@0"]);
    await clock.advance(1);
    expect(begun()).toEqual(["a@0", "b@10"]);
  });
});

describe("at most 16 attempts are in flight", () => {
  const names = Array.from({ length: 40 }, (_, i) => String(i));

  test("while they are, none is begun, and no timer runs", async () => {
    const { clock, begun } = start(names, 10);
    await clock.advance(149);
    expect(begun()).toHaveLength(15);
    await clock.advance(1);
    expect(begun()).toHaveLength(MAX_IN_FLIGHT);
    expect(clock.pending).toBe(0);
    await clock.advance(1_000_000);
    expect(begun()).toHaveLength(MAX_IN_FLIGHT);
  });

  test("one that fails makes room for the next, at once", async () => {
    const { clock, attempt, begun, promise } = start(names, 10);
    await clock.advance(1_000);
    await Promise.all([attempt("3").fail("refused"), attempt("9").fail("refused")]);
    expect(begun().slice(MAX_IN_FLIGHT)).toEqual(["16@1000", "17@1000"]);
    await clock.advance(1_000);
    expect(begun()).toHaveLength(MAX_IN_FLIGHT + 2);
    await attempt("17").succeed();
    expect(await promise).toEqual({ won: "to 17", address: "17" });
  });

  test("every address has its turn while those before it fail, and the last failure ends the race", async () => {
    const { clock, attempt, begun, promise, expectNothingLeft } = start(names, 10);
    for (const name of names) {
      await clock.advance(10);
      expect(begun().length - Number(name)).toBeLessThanOrEqual(MAX_IN_FLIGHT);
      await attempt(name).fail("refused");
    }
    expect(await promise).toMatchObject({ lost: { length: names.length }, last: { address: "39" } });
    expectNothingLeft();
  });

  test("an abort ends them all, and one that wins late is discarded", async () => {
    const { clock, controller, attempt, discarded, promise, expectNothingLeft } = start(names, 10);
    await clock.advance(1_000);
    controller.abort("stop");
    await expect(promise).rejects.toBe("stop");
    expect(names.slice(0, 16).every((name) => attempt(name).signal.aborted)).toBe(true);
    await attempt("15").succeed();
    expect(discarded).toEqual(["to 15"]);
    expectNothingLeft();
  });
});

describe("winning", () => {
  test("the first alone leaves nothing behind", async () => {
    const { clock, attempt, begun, promise, expectNothingLeft } = start(["a", "b"]);
    await attempt("a").succeed();
    expect(await promise).toEqual({ won: "to a", address: "a" });
    expect(attempt("a").signal.aborted).toBe(false);
    await clock.advance(1_000);
    expect(begun()).toEqual(["a@0"]);
    expectNothingLeft();
  });

  test("the losers are aborted, the winner is not, and late winners are discarded", async () => {
    const { clock, attempt, begun, discarded, promise, expectNothingLeft } = start(["a", "b", "c", "d"]);
    await clock.advance(500);
    await attempt("b").succeed();
    expect(await promise).toEqual({ won: "to b", address: "b" });
    expect(["a", "b", "c"].map((address) => attempt(address).signal.aborted)).toEqual([true, false, true]);
    await attempt("a").succeed();
    await attempt("c").fail("aborted");
    expect(discarded).toEqual(["to a"]);
    await clock.advance(1_000);
    expect(begun()).toHaveLength(3);
    expectNothingLeft();
  });

  test("of two that succeed together one wins and one is discarded", async () => {
    const { clock, attempt, discarded, promise } = start(["a", "b"]);
    await clock.advance(250);
    await Promise.all([attempt("b").succeed(), attempt("a").succeed()]);
    expect(await promise).toEqual({ won: "to b", address: "b" });
    expect(discarded).toEqual(["to a"]);
  });

  test("a slow first attempt still wins when all others have failed", async () => {
    const { clock, attempt, outcome, promise } = start(["a", "b"]);
    await clock.advance(250);
    await attempt("b").fail("refused");
    await clock.advance(60_000);
    expect(outcome).toEqual({});
    await attempt("a").succeed();
    expect(await promise).toEqual({ won: "to a", address: "a" });
  });
});

describe("losing", () => {
  test("lists every failure in the order of the attempts, and says which was the last", async () => {
    const { clock, attempt, promise, expectNothingLeft } = start(["a", "b", "c"]);
    await clock.advance(500);
    await attempt("c").fail("third");
    await clock.advance(30);
    await attempt("a").fail("first");
    await clock.advance(70);
    await attempt("b").fail("second");
    const last = { address: "b", error: new Error("second"), duration: 350 };
    expect(await promise).toEqual({
      lost: [
        { address: "a", error: new Error("first"), duration: 530 },
        last,
        { address: "c", error: new Error("third"), duration: 0 },
      ],
      last,
    });
    expectNothingLeft();
  });

  test("a fatal failure ends the race at once", async () => {
    const { clock, attempt, begun, discarded, promise, expectNothingLeft } = start(["a", "b", "c", "d"]);
    await attempt("a").fail("refused");
    await clock.advance(250);
    await attempt("b").fail("fatal");
    const last = { address: "b", error: new Error("fatal"), duration: 250 };
    expect(await promise).toEqual({
      lost: [{ address: "a", error: new Error("refused"), duration: 0 }, last],
      last,
    });
    expect(attempt("c").signal.aborted).toBe(true);
    await attempt("c").succeed();
    expect(discarded).toEqual(["to c"]);
    await clock.advance(1_000);
    expect(begun()).toHaveLength(3);
    expectNothingLeft();
  });

  test("an attempt that throws has failed", async () => {
    const { signal } = new AbortController();
    const outcome = await race(["a", "b"], {
      attemptDelay: 250,
      clock: new ManualClock(),
      signal,
      isFatal: () => false,
      discard: () => undefined,
      attempt: (address) => {
        throw new Error(address);
      },
    });
    expect(outcome).toMatchObject({ lost: [{ error: { message: "a" } }, { error: { message: "b" } }] });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("a race without addresses is a wrong argument", async () => {
    await expect(start([]).promise).rejects.toMatchObject({
      name: "TypeError",
      code: "ERR_INVALID_ARG_VALUE",
      message: expect.stringContaining(`"addresses" must be one address or more`) as string,
    });
  });
});

describe("aborting", () => {
  test("before: nothing is begun", async () => {
    const tried: string[] = [];
    const promise = race(["a"], {
      attemptDelay: 250,
      clock: new ManualClock(),
      signal: AbortSignal.abort("stop"),
      isFatal: () => false,
      discard: () => undefined,
      attempt: (address) => Promise.resolve(tried.push(address)),
    });
    await expect(promise).rejects.toBe("stop");
    expect(tried).toEqual([]);
  });

  test("during: all attempts are aborted, and what they still yield is discarded", async () => {
    const { clock, controller, attempt, begun, discarded, promise, expectNothingLeft } = start([
      "a",
      "b",
      "c",
    ]);
    await clock.advance(250);
    controller.abort("stop");
    expectNothingLeft();
    await expect(promise).rejects.toBe("stop");
    for (const address of ["a", "b"]) {
      expect(attempt(address).signal).toMatchObject({ aborted: true, reason: "stop" });
    }
    await attempt("a").fail("aborted");
    await attempt("b").succeed();
    expect(discarded).toEqual(["to b"]);
    await clock.advance(1_000);
    expect(begun()).toHaveLength(2);
    expectNothingLeft();
  });

  test("from inside the first attempt: the race rejects", async () => {
    const controller = new AbortController();
    const discarded: string[] = [];
    const promise = race<string, string>(["a", "b"], {
      attemptDelay: 250,
      clock: new ManualClock(),
      signal: controller.signal,
      isFatal: () => false,
      discard: (late) => discarded.push(late),
      attempt: (address) => {
        controller.abort("stop");
        return Promise.resolve(address);
      },
    });
    await expect(promise).rejects.toBe("stop");
    await settled();
    expect(discarded).toEqual(["a"]);
  });

  test("after: nothing happens", async () => {
    const { controller, attempt, promise, expectNothingLeft } = start(["a"]);
    await attempt("a").succeed();
    controller.abort("stop");
    expect(await promise).toEqual({ won: "to a", address: "a" });
    expect(attempt("a").signal.aborted).toBe(false);
    expectNothingLeft();
  });
});

test("(random events) the race ends once, and nothing is left or lost", async () => {
  const event = fc.oneof(
    fc.record({ do: fc.constantFrom("succeed", "fail", "fatal"), which: fc.nat({ max: 24 }) }),
    fc.record({ do: fc.constant("wait"), which: fc.nat({ max: 400 }) }),
    fc.record({ do: fc.constant("abort"), which: fc.constant(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 24 }), fc.array(event, { maxLength: 20 }), async (more, events) => {
      const addresses = Array.from({ length: more + 1 }, (_, i) => String(i));
      const { clock, controller, attempt, begun, discarded, outcome, expectNothingLeft } = start(addresses);
      const succeeded = new Set<string>();
      const ended = new Set<string>();
      for (const { do: what, which } of events) {
        if (what === "wait") await clock.advance(which);
        else if (what === "abort") controller.abort("stop");
        else if (which < begun().length && !ended.has(String(which))) {
          ended.add(String(which));
          if (what === "succeed") succeeded.add(`to ${which}`);
          await (what === "succeed" ? attempt(String(which)).succeed() : attempt(String(which)).fail(what));
        }
        const isRunning = outcome.value === undefined && outcome.error === undefined;
        if (isRunning) expect(begun().length - ended.size).toBeLessThanOrEqual(MAX_IN_FLIGHT);
      }
      controller.abort("end");
      await settled();
      expectNothingLeft();
      expect(Object.keys(outcome)).toHaveLength(1);
      const winner = outcome.value !== undefined && "won" in outcome.value ? [outcome.value.won] : [];
      expect(new Set([...winner, ...discarded])).toEqual(succeeded);
      expect(winner.length + discarded.length).toBe(succeeded.size);
      for (let i = 0; i < begun().length; i++) {
        const wasLeft = !ended.has(String(i));
        if (wasLeft) expect(attempt(String(i)).signal.aborted).toBe(true);
      }
    }),
  );
});

describe("interleave", () => {
  const of = (text: string): { name: string; family: 4 | 6 }[] =>
    text
      .split(" ")
      .filter(Boolean)
      .map((name) => ({ name, family: name.startsWith("6") ? 6 : 4 }));
  const names = (addresses: { name: string }[]): string => addresses.map(({ name }) => name).join(" ");

  test.each([
    ["", ""],
    ["4a", "4a"],
    ["6a 6b 4a 4b", "6a 4a 6b 4b"],
    ["4a 6a 6b 6c", "4a 6a 6b 6c"],
    ["4a 4b 4c 6a", "4a 6a 4b 4c"],
    ["6a 6b 6c", "6a 6b 6c"],
    ["6a 4a 4b 4c", "6a 4a 4b 4c"],
  ])("%j becomes %j", (before, after) => {
    expect(names(interleave(of(before)))).toBe(after);
  });
});
