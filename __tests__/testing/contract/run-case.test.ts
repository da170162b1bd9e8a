import assert, { AssertionError } from "node:assert/strict";
import { inspect } from "node:util";
import { clock } from "../../../src/core/timing/clock.js";
import { contractCase, onPair, onTimedPair } from "../../../src/testing/contract/contract-case.js";
import { rejection, turn, until } from "../../../src/testing/contract/expectations.js";
import {
  memoryPair,
  type ConnectionPair,
  type ContractCase,
  type MakePair,
} from "../../../src/testing/index.js";

const nothing: ContractCase = onPair("nothing", () => Promise.resolve());

/** Pairs in memory, which are noted. */
function noted(): { makePair: MakePair; pairs: (readonly [...ReturnType<typeof memoryPair>])[] } {
  const pairs: (readonly [...ReturnType<typeof memoryPair>])[] = [];
  const makePair: MakePair = (options) => {
    const pair = memoryPair(options);
    pairs.push(pair);
    return pair;
  };
  return { makePair, pairs };
}

async function failureOf(run: Promise<void>): Promise<AssertionError> {
  const error = await rejection(run);
  if (!(error instanceof AssertionError)) throw error;
  return error;
}

describe("a case that fails", () => {
  const failing = onPair("two is three", () => {
    assert.equal(2, 3, "not so");
    return Promise.resolve();
  });

  test("rejects with an assertion that names it, and tells what was expected", async () => {
    const { makePair, pairs } = noted();
    const failure = await failureOf(failing.run(makePair));
    expect(failure.message).toMatch(/^two is three: not so/u);
    expect(failure).toMatchObject({
      actual: 2,
      expected: 3,
    });
    expect(failure.cause).toBeInstanceOf(AssertionError);
    expect(failure.stack).toMatch(/run-case\.test\.ts/);
    expect(pairs).toHaveLength(1);
    for (const end of pairs.flat()) expect(inspect(end)).toContain("state: 'reset'");
  });

  test("has the message of every cause", async () => {
    const error = new Error("outside", { cause: new RangeError("inside") });
    const failure = await failureOf(contractCase("it", () => Promise.reject(error)).run(memoryPair));
    expect(failure.message).toBe("it: outside: inside");
    expect(failure.cause).toBe(error);
  });

  test("that moves the time leaves the clock of the machine", async () => {
    const before = clock;
    const timed = onTimedPair("timed", async ({ a, clock: own }) => {
      expect(clock).toBe(own);
      await a.closed.catch(() => undefined);
    });
    await failureOf(timed.run(memoryPair, { timeout: 5 }));
    expect(clock).toBe(before);
  });
});

describe("a case that does not settle", () => {
  test("fails when its time is over, and its pairs are disposed of", async () => {
    const { makePair, pairs } = noted();
    const failure = await failureOf(
      onPair("waits", ({ a }) => a.read().then(() => undefined)).run(makePair, { timeout: 5 }),
    );
    expect(failure.message).toBe("waits: it took longer than 5 ms");
    for (const end of pairs.flat()) expect(inspect(end)).toContain("state: 'reset'");
  });

  test("does not fail because its process stood still for longer than it may take", async () => {
    const stopped = contractCase("stopped", async () => {
      await new Promise(setImmediate);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
      await new Promise(setImmediate);
    });
    await stopped.run(memoryPair, { timeout: 1_000 });
  });

  test("fails also if its pair is never made; one that is made later is disposed of", async () => {
    let make: (pair: ConnectionPair) => void = () => undefined;
    const failure = await failureOf(
      nothing.run(() => new Promise((resolve) => (make = resolve)), { timeout: 0 }),
    );
    expect(failure.message).toBe("nothing: it took longer than 0 ms");
    const late = memoryPair();
    make(late);
    await Promise.all(late.map((end) => end.closed));
  });

  test("gets no pair after its time", async () => {
    let after: Promise<unknown> | undefined;
    const later = contractCase("later", async (make) => {
      await until(() => isOver);
      after = rejection(make());
    });
    let isOver = false;
    await failureOf(later.run(memoryPair, { timeout: 0 }));
    isOver = true;
    await until(() => after !== undefined);
    expect(await after).toMatchObject({ message: "the case is over" });
  });
});

test("cases that are started together run one after the other", async () => {
  const running: string[] = [];
  const cases = ["one", "two", "three"].map((name) =>
    onPair(name, async () => {
      running.push(`${name} begins`);
      await turn();
      running.push(`${name} ends`);
      if (name === "two") throw new Error("on purpose");
    }),
  );
  const results = await Promise.allSettled(cases.map(({ run }) => run(memoryPair)));
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(running).toEqual(["one", "two", "three"].flatMap((name) => [`${name} begins`, `${name} ends`]));
});

test("a pair may say how it is disposed of, once", async () => {
  let disposals = 0;
  const makePair: MakePair = () => {
    const [a, b] = memoryPair();
    const dispose = () => {
      disposals++;
      a.reset();
      b.reset();
    };
    return { a, b, dispose };
  };
  await onPair("disposes", async ({ dispose }) => dispose()).run(makePair);
  expect(disposals).toBe(1);
});

test("what is wrong is refused with a name", async () => {
  await expect(nothing.run(undefined as never)).rejects.toThrow(TypeError);
  await expect(nothing.run(memoryPair, { timeout: -1 })).rejects.toThrow(RangeError);
  await expect(nothing.run(memoryPair, { timeOut: 1 } as never)).rejects.toThrow(/timeOut.*timeout/);
  for (const pair of [undefined, [], memoryPair()[0], { a: memoryPair()[0], b: {} }]) {
    const failure = await failureOf(nothing.run(() => pair as never));
    expect(failure.cause).toBeInstanceOf(TypeError);
    expect(failure.message).toMatch(/^nothing: "[ab]" must be a Connection/);
  }
});
