import { once } from "node:events";
import { connect, listen } from "../../src/index.js";
import { switchOff } from "../../src/core/transport/node-internals.js";
import { turn, until } from "../support/outcomes.js";
import { closeAll, endOfClient, keep, loopback, netClient, socketPath } from "../support/peers.js";

afterEach(async () => {
  switchOff();
  await closeAll();
});

const NONE = { blocked: 0, perAddress: 0, maxConnections: 0, handshake: 0 };

test("a listener that no client has come to has counts of zero", async () => {
  const listener = await loopback();
  expect(listener.stats).toEqual({ accepted: 0, open: 0, dropped: 0, refused: NONE });
});

test("the counts are a snapshot, which nothing changes", async () => {
  const listener = await loopback();
  const before = listener.stats;
  await netClient(listener.port);
  keep(await listener.accept());
  expect(before).toEqual({ accepted: 0, open: 0, dropped: 0, refused: NONE });
  expect(listener.stats).toEqual({ accepted: 1, open: 1, dropped: 0, refused: NONE });
  expect(Object.isFrozen(before)).toBe(true);
  expect(Object.isFrozen(before.refused)).toBe(true);
});

const capabilities = [
  ["", []],
  [", where Node accepts the clients", ["acceptsHandles"]],
  [", over the streams of sockets", ["worksPastStreams"]],
] as const;

describe.each(capabilities)("open connections%s", (_, off) => {
  beforeEach(() => switchOff(...off));

  test("are counted from accept() until they are closed; a client that waits is not", async () => {
    const listener = await loopback();
    for (let i = 0; i < 3; i++) await netClient(listener.port);
    await until(() => listener.pending === 3);
    expect(listener.stats).toMatchObject({ accepted: 0, open: 0 });
    const [one, two, three] = [await listener.accept(), await listener.accept(), await listener.accept()];
    expect(listener.stats).toMatchObject({ accepted: 3, open: 3 });
    one.reset();
    await one.closed;
    expect(listener.stats).toMatchObject({ accepted: 3, open: 2 });
    await two.close({ timeout: 10 });
    expect(listener.stats).toMatchObject({ accepted: 3, open: 1 });
    await listener.close();
    expect(listener.stats).toMatchObject({ accepted: 3, open: 1 });
    three.reset();
    await three.closed;
    expect(listener.stats).toEqual({ accepted: 3, open: 0, dropped: 0, refused: NONE });
  });

  test("are counted when their peers close them, and when their sockets are destroyed", async () => {
    const listener = await loopback();
    const client = await netClient(listener.port);
    await netClient(listener.port);
    const [one, two] = [keep(await listener.accept()), keep(await listener.accept())];
    client.destroy();
    expect(await one.read()).toBe(null);
    await one.close();
    two.socket.destroy();
    await two.closed;
    expect(listener.stats).toMatchObject({ accepted: 2, open: 0 });
  });

  test("stay in the count when they are detached, until their sockets close", async () => {
    const listener = await loopback();
    await netClient(listener.port);
    const socket = (await listener.accept()).detach();
    await turn();
    expect(listener.stats).toMatchObject({ accepted: 1, open: 1 });
    socket.destroy();
    await once(socket, "close");
    expect(listener.stats).toMatchObject({ accepted: 1, open: 0 });
  });

  test("are those at all addresses of a name", async () => {
    const listener = keep(await listen("localhost:0", { readTimeout: 1_000 }));
    for (const place of listener.addresses) {
      if ("port" in place) keep(await connect(place.address, place.port));
      keep(await listener.accept());
    }
    const all = listener.addresses.length;
    expect(listener.stats).toMatchObject({ accepted: all, open: all });
  });

  test("are counted at a Unix socket", async () => {
    const path = socketPath();
    const listener = keep(await listen({ path }));
    keep(await connect({ path }));
    const connection = keep(await listener.accept());
    expect(listener.stats).toMatchObject({ accepted: 1, open: 1 });
    connection.reset();
    await connection.closed;
    expect(listener.stats).toMatchObject({ accepted: 1, open: 0 });
  });
});

test("a client for which there is no room is dropped", async () => {
  const listener = await loopback({ backlog: 0 });
  expect(await endOfClient(listener.port)).toBe("ECONNRESET");
  expect(listener.stats).toEqual({ accepted: 0, open: 0, dropped: 1, refused: NONE });
  expect(listener.dropped).toBe(1);
});
