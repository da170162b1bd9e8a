import type { Connection } from "../../src/index.js";
import { turn, until } from "../support/outcomes.js";
import { closeAll, keep, loopback, netClient } from "../support/peers.js";

afterEach(closeAll);

describe.each(["accept", "a loop"])("%s over clients that wait", (way) => {
  test("lets the event loop turn, and takes every client in order", async () => {
    const listener = await loopback();
    const clients = [];
    for (let count = 0; count < 60; count++) clients.push((await netClient(listener.port)).localPort);
    await until(() => listener.pending === 60);
    let turns = 0;
    let timer = setImmediate(function count() {
      turns++;
      timer = setImmediate(count);
    });
    const loop = listener[Symbol.asyncIterator]();
    const next = async (): Promise<Connection> =>
      way === "accept" ? await listener.accept() : ((await loop.next()).value as Connection);
    const accepted = [];
    while (accepted.length < 60) accepted.push(keep(await next()).remotePort);
    clearImmediate(timer);
    expect(accepted).toEqual(clients);
    expect(turns).toBeGreaterThanOrEqual(2);
  });
});

test("a loop that is left beyond the budget of a turn leaves the clients that it has not given", async () => {
  const listener = await loopback();
  const clients = [];
  for (let count = 0; count < 60; count++) clients.push((await netClient(listener.port)).localPort);
  await until(() => listener.pending === 60);
  await turn();
  const loop = listener[Symbol.asyncIterator]();
  const pulls = Array.from(clients, () => loop.next());
  expect(await loop.return?.()).toEqual({ value: undefined, done: true });
  const given = (await Promise.all(pulls)).filter((next) => next.done !== true);
  const ports = given.map(({ value }) => keep(value).remotePort);
  expect(ports.length).toBeLessThan(60);
  expect(ports).toEqual(clients.slice(0, ports.length));
  expect(listener.pending).toBe(60 - ports.length);
  await turn();
  expect(keep(await listener.accept()).remotePort).toBe(clients[ports.length]);
});

test("pulls of a loop beyond the budget of a turn are served in order, also behind those of the next turn", async () => {
  const listener = await loopback();
  const clients = [];
  for (let count = 0; count < 60; count++) clients.push((await netClient(listener.port)).localPort);
  await until(() => listener.pending === 60);
  const loop = listener[Symbol.asyncIterator]();
  const served: number[] = [];
  const pulls = Array.from(clients, async (_, index) => {
    if (index >= 40) await turn();
    keep((await loop.next()).value as Connection);
    served.push(index);
  });
  await Promise.all(pulls);
  expect(served).toEqual([...clients.keys()]);
});

test("a pull beyond the budget of a turn is over when the listener closes", async () => {
  const listener = await loopback();
  for (let count = 0; count < 40; count++) await netClient(listener.port);
  await until(() => listener.pending === 40);
  const loop = listener[Symbol.asyncIterator]();
  const pulls = Array.from({ length: 40 }, () => loop.next());
  await listener.close();
  const given = (await Promise.all(pulls)).filter((next) => next.done !== true);
  given.forEach(({ value }) => keep(value));
  expect(given.length).toBeLessThan(40);
  expect(listener.stats.accepted).toBe(given.length);
});

test("a loop of accepts that may not wait lets clients come", async () => {
  const listener = await loopback();
  const coming = netClient(listener.port);
  for (let calls = 0; calls < 10_000; calls++) {
    const accepted = await listener.accept({ timeout: 0 }).catch(() => undefined);
    if (accepted === undefined) continue;
    expect(keep(accepted).remotePort).toBe((await coming).localPort);
    return;
  }
  throw new Error("no client came");
});

test.each(["refused", "aborted", "over"])(
  "a loop of accepts that are %s lets the event loop turn",
  async (how) => {
    const listener = await loopback();
    if (how !== "aborted") await listener.close();
    const signal = how === "aborted" ? AbortSignal.abort(new Error("stop")) : undefined;
    let turns = 0;
    setImmediate(() => turns++);
    for (let calls = 0; calls < 5_000 && turns === 0; calls++) {
      if (how === "over") for await (const connection of listener) keep(connection);
      else await listener.accept({ signal }).catch(() => undefined);
    }
    expect(turns).toBe(1);
  },
);
