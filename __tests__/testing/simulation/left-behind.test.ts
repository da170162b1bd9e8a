/** What one simulation leaves behind has no part in a later one. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import timersPromises, { setImmediate as nextTurn } from "node:timers/promises";
import { connect, listen, resolve, serve } from "../../../src/index.js";
import { memoryPair, simulate, type Network } from "../../../src/testing/index.js";
import { failure } from "../../support/outcomes.js";

/** A conversation whose log shows each number that the program draws. */
async function conversation(): Promise<string> {
  return await simulate({ seed: 9 }, async (network) => {
    const [a, b] = [network.host("a"), network.host("b")];
    await b.run(async () => {
      const listener = await listen(80);
      const serving = serve(listener, async (connection) => {
        for await (const line of connection.lines()) {
          await timersPromises.setTimeout(Math.random() * 100);
          await connection.writeLine(line);
        }
      });
      serving.catch(() => undefined);
    });
    await a.run(async () => {
      await using connection = await connect("b", 80);
      for (let asked = 0; asked < 5; asked++) {
        await connection.writeLine("x");
        await connection.readLine();
      }
    });
    return network.log.join("\n");
  });
}

const LOOPS: readonly (readonly [of: string, step: () => Promise<unknown>])[] = [
  ["files and random numbers", () => readFile(new URL(import.meta.url)).then(() => Math.random())],
  ["turns of the event loop", () => nextTurn()],
];

test.each(LOOPS)(
  "a loop over %s that a simulation has left behind changes no later log",
  async (_of, step) => {
    const before = await conversation();
    const state = { isOver: false, steps: 0 };
    let stopped: Promise<void> | undefined;
    await simulate({ seed: 1 }, () => {
      stopped = (async () => {
        for (; !state.isOver; state.steps++) await step();
      })();
    });
    expect(await conversation()).toBe(before);
    const { steps } = state;
    while (state.steps === steps) await nextTurn(); // It has been running all the time.
    state.isOver = true;
    await stopped;
  },
);

/** Begins `step` in a simulation, on a host or in the body, and has it run when that is over. */
async function runLater(step: (network: Network) => unknown, isOnHost: boolean): Promise<unknown> {
  let begin = (): void => undefined;
  const over = new Promise<void>((done) => (begin = done));
  let outcome: Promise<unknown> | undefined;
  await simulate({ seed: 1 }, (network) => {
    const run = async (): Promise<void> => {
      outcome = over.then(() => step(network));
      await outcome;
    };
    (isOnHost ? network.host("a").run(run) : run()).catch(() => undefined);
  });
  begin();
  return await outcome;
}

test("code that a simulation has left behind has the time and the timers of the machine", async () => {
  const start = performance.now();
  const later = await runLater(async () => {
    await timersPromises.setTimeout(1);
    return [performance.now(), Date.now()] as const;
  }, true);
  const [now, date] = later as [number, number];
  expect(now).toBeGreaterThan(start);
  expect(Math.abs(date - Date.now())).toBeLessThan(60_000);
});

const CALLS: readonly (readonly [what: string, call: () => Promise<unknown>])[] = [
  ["listen", () => listen(0)],
  ["connect", () => connect("127.0.0.1", 1)],
  ["resolve", () => resolve("localhost", 1)],
];

test.each(CALLS)("%s is refused to code that a simulation has left behind", async (_what, call) => {
  for (const isOnHost of [true, false]) {
    expect(await failure(runLater(call, isOnHost))).toMatchObject({ code: "ERR_SIMULATION_OVER" });
    // Nor does a later simulation take it for its own.
    const during = runLater(() => simulate({ seed: 1 }, () => undefined).then(call), isOnHost);
    expect(await failure(during)).toMatchObject({ code: "ERR_SIMULATION_OVER" });
  }
});

test("code that a simulation has left behind can begin another one", async () => {
  const expected = await conversation();
  expect(await runLater(conversation, true)).toBe(expected);
});

test("a function that code has taken within a simulation goes by the time of a later one", async () => {
  const taken = await simulate({ seed: 1 }, () => {
    const { setTimeout: wait } = timersPromises;
    const { hrtime } = process;
    return { wait, hrtime, now: performance.now.bind(performance) };
  });
  expect(Math.abs(taken.now() - performance.now())).toBeLessThan(60_000);
  await simulate({ seed: 1 }, async (network) => {
    await taken.wait(60_000);
    expect([network.now, taken.now(), taken.hrtime.bigint()]).toEqual([60_000, 60_000, 60_000_000_000n]);
  });
});

/** The `Date:` of Node's answer to a request. */
async function answeredDate(): Promise<string> {
  const server = createServer((_request, response) => response.end("hi"));
  const [near, far] = memoryPair();
  server.emit("connection", far.duplex);
  await near.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const answer = (await near.readAll()).toString();
  near.reset();
  return /^Date: (.*)\r$/m.exec(answer)?.[1] ?? "none";
}

test("the date in the headers of HTTP goes on when a simulation is over", async () => {
  const during = await simulate({ seed: 1 }, answeredDate);
  expect(Date.parse(during)).not.toBeNaN();
  const state = { isOver: false };
  const late = setTimeout(() => (state.isOver = true), 10_000);
  let after = during;
  while (after === during && !state.isOver) after = await answeredDate();
  clearTimeout(late);
  expect(Date.parse(after)).toBeGreaterThan(Date.parse(during));
});

test("a timer that outlives its simulation waits by the time of the machine once it begins anew", async () => {
  let fired = (): void => undefined;
  const timer = await simulate({ seed: 1 }, () => setTimeout(() => fired(), 1).unref());
  for (const begin of [() => timer.refresh(), () => timer.ref().refresh()]) {
    await new Promise<void>((done) => {
      fired = done;
      begin();
      timer.ref();
    });
  }
  clearTimeout(timer.refresh());
});
