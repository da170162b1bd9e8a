import { once } from "node:events";
import { connect, listen, Listener } from "../../src/index.js";
import { switchOff, type Capability } from "../../src/core/transport/node-internals.js";
import { failure, isPending, netError, turn, until } from "../support/outcomes.js";
import { closeAll, endOf, keep, loopback, netClient, unusedPort } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";

/** What of Node's internals is switched off. */
const SWITCHES: readonly [name: string, off: readonly Capability[]][] = [
  ["as it is", []],
  ["without readsIntoOurMemory", ["readsIntoOurMemory"]],
  ["without acceptsHandles", ["acceptsHandles"]],
];

afterEach(closeAll);
afterEach(() => switchOff());

describe("close", () => {
  test("frees the port by the time it settles", async () => {
    const { port, close } = await loopback({}, await unusedPort()).then((listener) => ({
      port: listener.port,
      close: () => listener.close(),
    }));
    await close();
    for (let round = 0; round < 20; round++) {
      const again = await listen(port, { host: "127.0.0.1" });
      // With clients, accepted and not: open connections are what keeps a port from being free.
      const clients = [await netClient(port), await netClient(port)];
      const connection = keep(await again.accept());
      await until(() => again.pending === 1);
      await again.close();
      for (const client of clients) client.destroy();
      await connection.close();
    }
  });

  test.each(SWITCHES)("frees the port while accepted connections go on (%s)", async (_, off) => {
    switchOff(...off);
    const listener = await loopback({}, await unusedPort());
    const client = await netClient(listener.port);
    const connection = keep(await listener.accept());
    await listener.close();
    keep(await listen(listener.port, { host: "127.0.0.1" }));
    client.write("still talking\n");
    expect(await connection.readLine()).toBe("still talking");
    await connection.write("so am I");
    expect(String((await once(client, "data"))[0])).toBe("so am I");
  });

  test("rejects calls of accept that wait with ERR_CLOSED", async () => {
    const listener = await loopback();
    const calls = [
      listener.accept(),
      listener.accept({ timeout: 10_000 }),
      listener.accept({ signal: new AbortController().signal }),
    ].map(netError);
    await turn();
    await listener.close();
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: "ERR_CLOSED", operation: "accept", transient: false });
      expect(error.message).toBe(`accept 127.0.0.1:${listener.port}: the listener is closed (ERR_CLOSED)`);
    }
  });

  test("resets the clients that no call has accepted, and only those", async () => {
    const listener = await loopback();
    const claimed = await netClient(listener.port);
    const connection = keep(await listener.accept());
    const unclaimed = [await netClient(listener.port), await netClient(listener.port)];
    await until(() => listener.pending === 2);
    const ends = unclaimed.map(endOf);
    await listener.close();
    expect(await Promise.all(ends)).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(listener).toMatchObject({ pending: 0, acceptReady: false });
    claimed.write("mine\n");
    expect(await connection.readLine()).toBe("mine");
  });

  test("leaves nothing of the network open", async () => {
    const listener = await loopback();
    const client = await netClient(listener.port);
    await until(() => listener.pending === 1);
    await listener.close();
    client.destroy();
    await nothingLeft();
    expect(listener.fd).toBeUndefined();
  });

  test("of several calls each settles", async () => {
    const listener = await loopback();
    await Promise.all([listener.close(), listener.close(), listener[Symbol.asyncDispose]()]);
    await listener.close();
    await listener.closed;
    expect(listener.server.listening).toBe(false);
  });

  test("called from within the accept loop ends that loop", async () => {
    const listener = await loopback();
    await netClient(listener.port);
    let rounds = 0;
    for await (const connection of listener) {
      keep(connection);
      rounds++;
      await listener.close();
    }
    expect(rounds).toBe(1);
  });
});

describe("closed", () => {
  test("waits while the listener is open and resolves when it closes", async () => {
    const listener = await loopback();
    const { closed } = listener;
    expect(await isPending(closed)).toBe(true);
    const closing = listener.close();
    await closed;
    await closing;
  });

  test("resolves when the program closes the server, and so do calls and loops that wait", async () => {
    const listener = await loopback();
    const accepting = failure(listener.accept());
    const looping = (async () => {
      for await (const connection of listener) keep(connection);
    })();
    await turn();
    listener.server.close();
    await listener.closed;
    expect(await accepting).toMatchObject({ code: "ERR_CLOSED" });
    await looping;
    await listener.close();
  });
});

test("await using closes the listener at the end of its block", async () => {
  const port = await unusedPort();
  {
    await using listener = await listen(port, { host: "127.0.0.1" });
    expect(listener.port).toBe(port);
    keep(await connect("127.0.0.1", port));
  }
  expect(await netError(connect("127.0.0.1", port))).toMatchObject({ code: "ECONNREFUSED" });
});

test("an accept that fails in the system costs a client, not the listener", async () => {
  const listener = await loopback();
  const accepting = listener.accept();
  const error = Object.assign(new Error("accept EMFILE"), { code: "EMFILE", syscall: "accept" });
  listener.server.emit("error", error);
  expect(listener).toMatchObject({ dropped: 1, pending: 0 });
  const client = await netClient(listener.port);
  expect(keep(await accepting).remotePort).toBe(client.localPort);
  expect(listener).toBeInstanceOf(Listener);
});
