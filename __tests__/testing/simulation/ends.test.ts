/** However a simulation ends, nothing of it stays behind. */
import timersPromises, { setImmediate as nextTurn } from "node:timers/promises";
import { connect, listen } from "../../../src/index.js";
import { simulate, type Host, type Network } from "../../../src/testing/index.js";
import { failure } from "../../support/outcomes.js";

/** What a simulation replaces. */
const REPLACED: readonly (readonly [owner: object, name: string])[] = [
  ...["Date", "setTimeout", "setInterval", "clearTimeout", "clearInterval"].map(
    (name) => [globalThis, name] as const,
  ),
  ...["setTimeout", "setInterval"].map((name) => [timersPromises, name] as const),
  [timersPromises.scheduler, "wait"],
  [AbortSignal, "timeout"],
  [performance, "now"],
  [process, "hrtime"],
  [process, "uptime"],
  [Math, "random"],
];

function globals(): unknown[] {
  return REPLACED.map(([owner, name]) => Reflect.get(owner, name) as unknown);
}

const never = new Promise<never>(() => undefined);

type End = readonly [how: string, body: (network: Network) => unknown, code: string | undefined];

const ENDS: readonly End[] = [
  ["settles before its timers", () => void setTimeout(() => fail("ERR_NEVER"), 5), undefined],
  ["throws at once", () => fail("ERR_MINE"), "ERR_MINE"],
  ["rejects", async () => await timersPromises.setTimeout(1).then(() => fail("ERR_MINE")), "ERR_MINE"],
  ["has a timer that throws", () => waits(() => setTimeout(() => fail("ERR_MINE"), 5)), "ERR_MINE"],
  ["never settles", () => never, "ERR_DEADLOCK"],
  ["runs for ever", () => waits(() => setInterval(() => undefined, 1_000)), "ERR_TIME_LIMIT"],
];

function waits(begin: () => unknown): Promise<never> {
  begin();
  return never;
}

function fail(code: string): never {
  throw Object.assign(new Error("on purpose"), { code });
}

test.each(ENDS)("a body that %s: everything is as it was before", async (_how, body, code) => {
  const before = globals();
  const during: unknown[] = [];
  const outcome = await simulate({ seed: 1, timeLimit: 100_000 }, async (network) => {
    during.push(...globals());
    const [a, b] = [network.host("a"), network.host("b")];
    const listener = await b.run(() => listen(7));
    const [connection] = await Promise.all([a.run(() => connect("b", 7)), listener.accept()]);
    // Left behind: a connection whose read waits, and a listener.
    connection.readLine({ timeout: Infinity }).catch(() => undefined);
    await body(network);
  }).then(
    () => undefined,
    (error: unknown) => (error as { code?: string }).code,
  );
  expect(outcome).toBe(code);
  expect(during.map((value, at) => value !== before[at])).toEqual(before.map(() => true));
  expect(globals().map((value, at) => value === before[at])).toEqual(before.map(() => true));
});

test("after the simulation nothing can be run on its hosts, also if they are started again", async () => {
  const host: Host = await simulate({ seed: 1 }, (network) => network.host("a"));
  expect(await failure(host.run(() => listen(0)))).toMatchObject({ code: "ERR_SIMULATION_OVER" });
  host.crash();
  host.restart();
  expect(await failure(host.run(() => listen(0)))).toMatchObject({ code: "ERR_SIMULATION_OVER" });
});

test("a program of before a crash that runs on gets no connection, also once the host is up again", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const [a, b] = [network.host("a"), network.host("b", { addresses: ["10.1.1.1"] })];
    const listener = await b.run(() => listen(7));
    let goOn = (): void => undefined;
    const waiting = new Promise<void>((done) => (goOn = done));
    a.run(() => waiting.then(() => connect("10.1.1.1", 7))).catch(() => undefined);
    a.crash();
    a.restart();
    goOn();
    await timersPromises.setTimeout(5_000);
    expect(listener.pending).toBe(0);
    expect(network.log.join("\n")).not.toContain("connects to");
  });
});

test("a listener of before a crash that is closed leaves the host alone that is up again", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const [a, b] = [network.host("a"), network.host("b")];
    const old = await b.run(() => listen(7));
    b.crash();
    b.restart();
    const listener = await b.run(() => listen(7));
    const closing = old.close();
    closing.catch(() => undefined);
    await timersPromises.setTimeout(5_000);
    await (await a.run(() => connect("b", 7))).close();
    expect(listener.pending).toBe(1);
    expect(network.log.join("\n")).not.toContain("no longer listens");
  });
});

test("an attempt to connect of before a crash sends and reports nothing once the host is up again", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const [a, b] = [network.host("a"), network.host("b", { addresses: ["10.1.1.1"] })];
    network.partition(a, b);
    for (const address of ["10.1.1.1", "10.1.1.2"]) a.run(() => connect(address, 7)).catch(() => undefined);
    await timersPromises.setTimeout(10);
    a.crash();
    a.restart();
    const before = network.log.length;
    await timersPromises.setTimeout(200_000);
    expect(network.log.slice(before)).toEqual([]);
  });
});

test("a loop over setImmediate that waits for time to pass is told so", async () => {
  const state = { isOver: false };
  const error = await failure(
    simulate({ seed: 1 }, async () => {
      setTimeout(() => undefined, 1);
      const due = Date.now() + 10;
      while (Date.now() < due && !state.isOver) await nextTurn();
    }),
  );
  state.isOver = true;
  expect(error).toMatchObject({
    code: "ERR_DEADLOCK",
    message: expect.stringContaining("turns of the event loop, or begun as many pieces of work") as unknown,
  });
});

test.each([
  ["many tasks that yield now and then", 1_000, 150],
  ["one task that yields often", 1, 120_000],
])(
  "%s may take any number of turns of setImmediate, short of 300 000 in a row",
  async (_what, tasks, turns) => {
    const yields = async (): Promise<number> => {
      for (let turn = 0; turn < turns; turn++) await nextTurn();
      return turns;
    };
    const all = await simulate({ seed: 1 }, () => Promise.all(Array.from({ length: tasks }, yields)));
    expect(all).toHaveLength(tasks);
  },
);

test("a global that a program has frozen is not replaced, and the others are given back", async () => {
  const before = globals();
  const own = Object.getOwnPropertyDescriptor(Math, "random") as PropertyDescriptor;
  const { defineProperty } = Object;
  // Stands in for a frozen one, which could not be made as it was again.
  Object.defineProperty = ((owner: object, name: string, to: PropertyDescriptor) => {
    if (owner === Math) throw new TypeError("Cannot redefine property: random");
    return defineProperty(owner, name, to) as unknown;
  }) as typeof defineProperty;
  try {
    expect(await failure(simulate({ seed: 1 }, () => undefined))).toBeInstanceOf(TypeError);
  } finally {
    Object.defineProperty = defineProperty;
  }
  expect(globals().map((value, at) => value === before[at])).toEqual(before.map(() => true));
  expect(Object.getOwnPropertyDescriptor(Math, "random")).toEqual(own);
});
