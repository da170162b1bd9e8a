import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, listen, serve, withParameters, type Connection, type Handler } from "../../src/index.js";
import { LOCALHOST } from "../support/certificates.js";
import { isPending, until } from "../support/outcomes.js";
import { closeAll, endOf, keep, loopback, netClient, socketPath } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";
import { endServices, gate, service } from "../support/service.js";

afterEach(async () => {
  await endServices();
  await closeAll();
});

const echo: Handler = async (connection) => {
  for await (const line of connection.lines()) await connection.writeLine(line);
};

test("a handler is called for each client, beside each other, with its connection", async () => {
  const { port, listener } = await service(echo);
  const clients = await Promise.all([1, 2, 3].map(() => connect("127.0.0.1", port)));
  clients.forEach(keep);
  for (const [index, client] of clients.entries()) await client.writeLine(`hello ${String(index)}`);
  for (const [index, client] of [...clients.entries()].reverse()) {
    expect(await client.readLine()).toBe(`hello ${String(index)}`);
  }
  expect(listener.stats).toMatchObject({ accepted: 3, open: 3 });
});

test("clients that came before serve was called are served", async () => {
  const listener = await loopback();
  const client = keep(await connect("127.0.0.1", listener.port));
  await client.writeLine("early");
  await until(() => listener.pending === 1);
  const done = serve(listener, echo);
  expect(await client.readLine()).toBe("early");
  await client.close();
  await listener.close();
  await done;
});

describe("a connection is closed", () => {
  test("when the promise of its handler settles", async () => {
    const { calls, handler } = gate();
    const { port, listener, errors } = await service(handler);
    const client = await netClient(port);
    const end = endOf(client);
    await until(() => calls.length === 1);
    expect(await isPending(end)).toBe(true);
    calls[0]?.settle();
    expect(await end).toBe("end");
    await until(() => listener.stats.open === 0);
    expect(errors).toEqual([]);
  });

  test("when a handler returns that is not async, after what it has written was sent", async () => {
    const { port } = await service((connection) => void connection.write("x".repeat(300_000)));
    const client = keep(await connect("127.0.0.1", port));
    expect((await client.readAll()).length).toBe(300_000);
  });

  test("when the promise is one of another library", async () => {
    let resolve = (): void => undefined;
    const thenable = { then: (settle: () => void) => (resolve = settle) };
    const { port } = await service(() => thenable);
    const end = endOf(await netClient(port));
    expect(await isPending(end)).toBe(true);
    resolve();
    expect(await end).toBe("end");
  });

  test("as close() does: the peer gets all, although the handler has left its bytes unread", async () => {
    const { port } = await service(async (connection) => {
      await connection.read();
      await connection.write("y".repeat(200_000));
    });
    const client = keep(await connect("127.0.0.1", port));
    await client.write("a".repeat(100));
    void client.write("b".repeat(100_000)).catch(() => undefined);
    expect((await client.readAll()).length).toBe(200_000);
  });

  test("also if its handler has closed it, or the peer has left", async () => {
    const { port, listener, errors } = await service((connection) => connection.close());
    expect(await endOf(await netClient(port))).toBe("end");
    const other = await netClient(port);
    other.destroy();
    await until(() => listener.stats.accepted === 2 && listener.stats.open === 0);
    expect(errors).toEqual([]);
  });

  test("also the one that startTls has made of it", async () => {
    let plain: Connection | undefined;
    let secure: Connection | undefined;
    const { port, listener, errors } = await service(async (connection) => {
      plain = connection;
      secure = await connection.startTls({ isServer: true, ...LOCALHOST });
      await secure.writeLine("secret");
    });
    const raw = await connect("127.0.0.1", port);
    const client = keep(await raw.startTls({ rejectUnauthorized: false }));
    expect(await client.readLine()).toBe("secret");
    expect(await client.read()).toBe(null);
    await client.close();
    await until(() => listener.stats.open === 0);
    await secure?.closed;
    expect(secure).not.toBe(plain);
    expect(errors).toEqual([]);
  });

  test("also while startTls waits for the peer, which the handler has not waited for", async () => {
    let failed: unknown;
    const { port, listener } = await service((connection) => {
      connection.startTls({ isServer: true, ...LOCALHOST }).catch((error: unknown) => (failed = error));
    });
    expect(await endOf(await netClient(port))).toMatch(/^(?:ECONNRESET|end)$/);
    await until(() => failed !== undefined && listener.stats.open === 0);
    expect(failed).toMatchObject({ operation: "tls", code: "ERR_CLOSED" });
  });
});

test("a socket that the handler has detached is the handler's, and serve does not wait for it", async () => {
  const sockets: Socket[] = [];
  const { port, done, stop } = await service((connection) => void sockets.push(keep(connection.detach())));
  const client = await netClient(port);
  await until(() => sockets.length === 1);
  stop.abort();
  await done;
  sockets[0]?.write("still here");
  expect(String((await once(client, "data"))[0])).toBe("still here");
});

test("handlers of a Unix socket are called as well", async () => {
  const path = socketPath();
  const listener = keep(await listen({ path }));
  const done = serve(listener, echo, { perAddress: 1 });
  const [one, two] = [keep(await connect({ path })), keep(await connect({ path }))];
  await one.writeLine("one");
  await two.writeLine("two");
  expect([await one.readLine(), await two.readLine()]).toEqual(["one", "two"]);
  await Promise.all([one.close(), two.close()]);
  await listener.close();
  await done;
});

test("handlers of TLS clients are called when the handshake is done", async () => {
  const protocols: unknown[] = [];
  const handler: Handler = (connection) => void protocols.push(connection.tls?.protocol);
  const { port } = await service(handler, {}, { tls: LOCALHOST });
  const client = keep(await connect("127.0.0.1", port, { tls: { rejectUnauthorized: false } }));
  expect(await client.read()).toBe(null);
  expect(protocols).toEqual(["TLSv1.3"]);
});

test("a handler runs in the async context, and connections have the parameters, of the call of serve", async () => {
  const storage = new AsyncLocalStorage<string>();
  const stores: unknown[] = [];
  const failures: unknown[] = [];
  const handler: Handler = async (connection) => {
    stores.push(storage.getStore());
    await connection.read().catch((error: unknown) => failures.push(error));
  };
  const listener = await loopback();
  const done = storage.run("of serve", () =>
    withParameters({ readTimeout: 20 }, () => serve(listener, handler)),
  );
  const [one, two] = [await netClient(listener.port), await netClient(listener.port)];
  await Promise.all([endOf(one), endOf(two)]);
  expect(stores).toEqual(["of serve", "of serve"]);
  expect(failures).toMatchObject([{ timeout: 20 }, { timeout: 20 }]);
  await listener.close();
  await done;
});

test("the context is the same for all, and frozen", async () => {
  const contexts = new Set<object>();
  const { port, stop } = await service((_, context) => {
    contexts.add(context);
  });
  const clients = await Promise.all([1, 2, 3].map(() => netClient(port)));
  await Promise.all(clients.map(endOf));
  const [context] = contexts as Set<{ signal: AbortSignal }>;
  if (context === undefined) throw new Error("no handler was called");
  expect(contexts.size).toBe(1);
  expect(Object.isFrozen(context)).toBe(true);
  expect(context.signal).not.toBe(stop.signal);
});

test("nothing is left when serve has resolved: no listener on the signals, no socket", async () => {
  const force = new AbortController();
  const { port, stop, done } = await service(echo, {}, { closeOn: force.signal });
  const client = keep(await connect("127.0.0.1", port));
  await client.writeLine("hello");
  await client.readLine();
  await client.close();
  expect(listenersOf(stop.signal)).toBe(1);
  stop.abort();
  await done;
  expect([listenersOf(stop.signal), listenersOf(force.signal)]).toEqual([0, 0]);
  await nothingLeft();
});

describe("wrong arguments", () => {
  const loose = serve as unknown as (...args: unknown[]) => Promise<void>;
  const wrong: [unknown[], string][] = [
    [[undefined, echo], '"listener" must be a Listener, which listen resolves to; received undefined'],
    [[Promise.resolve(), echo], "received an object (Promise): is an await missing?"],
    [["listener"], '"handler" must be a function; received undefined'],
    [["listener", {}], '"handler" must be a function; received an object'],
    [
      ["listener", echo, 5],
      '"options" must be an object of options (a limit is { concurrency }); received 5',
    ],
    [["listener", echo, { concurrency: 0 }], '"concurrency" must be a whole number, 1 or more; received 0'],
    [
      ["listener", echo, { concurrency: 1.5 }],
      '"concurrency" must be a whole number, 1 or more; received 1.5',
    ],
    [
      ["listener", echo, { perAddress: "5" }],
      '"perAddress" must be a whole number; received a string of 1 character',
    ],
    [["listener", echo, { perAddress: 0 }], '"perAddress" must be a whole number, 1 or more; received 0'],
    [["listener", echo, { grace: -1 }], '"grace" must be 0 or more milliseconds; received -1'],
    [
      ["listener", echo, { signal: new AbortController() }],
      '"signal" must be an AbortSignal, such as the controller\'s signal',
    ],
    [["listener", echo, { onError: true }], '"onError" must be a function; received true'],
    [["listener", echo, { onerror: echo }], '"onerror" is no option: did you mean "onError"?'],
    [["listener", echo, { maxConnections: 1 }], '"maxConnections" is no option: it is an option of listen'],
    [["listener", echo, { tls: {} }], '"tls" is no option: it is an option of listen'],
  ];

  test.each(wrong)("%p are refused, and the listener is as it was", async (args, message) => {
    const listener = await loopback();
    const given = args.map((arg) => (arg === "listener" ? listener : arg));
    await expect(loose(...given)).rejects.toThrow(message);
    await netClient(listener.port);
    keep(await listener.accept());
  });
});
