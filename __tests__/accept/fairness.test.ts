import type { Connection } from "../../src/index.js";
import { until } from "../support/outcomes.js";
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
