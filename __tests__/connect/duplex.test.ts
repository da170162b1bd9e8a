import { jest } from "@jest/globals";
import { isAbortError } from "abort-controller-x";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { createServer, Socket } from "node:net";
import { text } from "node:stream/consumers";
import {
  connectDuplex,
  Connection,
  listen,
  NetTimeoutError,
  withParameters,
  type ConnectDuplexOptions,
  type ConnectedDuplex,
  type LookupFunction,
} from "../../src/index.js";
import { frozenServer, type FrozenServer } from "../support/frozen-server.js";
import { deferredLookup, lookupOf } from "../support/lookups.js";
import { failure, isPending, microtasks, netError, timeoutError, turn, until } from "../support/outcomes.js";
import { onManualClock } from "../../src/testing/manual-clock.js";
import { closeAll, keep, loopback, pair, socketPath, unusedPort } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";

let frozen: FrozenServer;
beforeAll(async () => {
  frozen = await frozenServer();
});
afterAll(() => frozen.close());
afterEach(closeAll);

const never: LookupFunction = () => undefined;

/** Both ends. */
async function connected(
  options: ConnectDuplexOptions = {},
): Promise<{ duplex: ConnectedDuplex; client: Connection; server: Connection }> {
  const listener = await loopback();
  const duplex = connectDuplex("127.0.0.1", listener.port, options);
  const [client, server] = await Promise.all([duplex.connection, listener.accept()]);
  return { duplex, client: keep(client), server: keep(server) };
}

/** A Duplex whose connection the program has not asked for, and the other end. */
async function unheld(): Promise<{ duplex: ConnectedDuplex; server: Connection }> {
  const listener = await loopback();
  const duplex = connectDuplex("127.0.0.1", listener.port);
  const [, server] = await Promise.all([once(duplex, "connect"), listener.accept()]);
  return { duplex, server: keep(server) };
}

/** The error that a Duplex is destroyed with, once it is closed; `undefined` if there is none. */
async function errorOf(duplex: ConnectedDuplex): Promise<unknown> {
  let told: unknown;
  duplex.once("error", (error) => (told = error));
  await until(() => duplex.closed);
  expect(told).toBe(duplex.errored ?? undefined);
  return told;
}

describe("a Duplex that connects", () => {
  test("is there at once, and then is the duplex of its connection", async () => {
    const listener = await loopback();
    const duplex = connectDuplex("127.0.0.1", listener.port);
    expect([duplex.connecting, duplex.pending, duplex.readyState]).toEqual([true, true, "opening"]);
    expect([duplex.remoteAddress, duplex.localPort, duplex.address()]).toEqual([undefined, undefined, {}]);
    duplex.write("written while it connects, ");
    expect([duplex.bytesWritten, duplex.bytesRead]).toEqual([27, 0]);
    await once(duplex, "connect");
    expect([duplex.connecting, duplex.pending, duplex.readyState]).toEqual([false, false, "open"]);
    expect([duplex.remoteAddress, duplex.remotePort]).toEqual(["127.0.0.1", listener.port]);
    duplex.end("and after that");
    const connection = await duplex.connection;
    expect(connection).toBeInstanceOf(Connection);
    expect(connection.duplex).toBe(duplex);
    const server = keep(await listener.accept());
    expect(String(await server.readAll())).toBe("written while it connects, and after that");
    await server.close();
    duplex.resume();
    await until(() => duplex.closed);
    await connection.closed;
    expect(await duplex.connection).toBe(connection);
  });

  test("takes every form of an endpoint that connect takes", async () => {
    const path = socketPath();
    const [tcp, unix] = [await loopback(), keep(await listen({ path }))];
    const { port } = tcp;
    const over = (duplex: ConnectedDuplex) => ({ duplex, listener: tcp });
    const forms = [
      over(connectDuplex(`127.0.0.1:${port}`)),
      over(connectDuplex({ host: "127.0.0.1", port })),
      over(connectDuplex(new URL(`http://127.0.0.1:${port}/`))),
      over(connectDuplex("127.0.0.1", String(port), { family: 4 })),
      { duplex: connectDuplex(path), listener: unix },
      { duplex: connectDuplex({ path }), listener: unix },
    ];
    for (const { duplex, listener } of forms) {
      duplex.end("hello");
      const server = keep(await listener.accept());
      expect(String(await server.readAll())).toBe("hello");
      await server.close();
      duplex.resume();
      await until(() => duplex.closed);
    }
  });

  test("leaves reading to the connection while it has no reader, each byte read once", async () => {
    const { duplex, client, server } = await connected();
    await server.write("for the connection\n");
    expect(await client.readLine()).toBe("for the connection");
    const read = once(duplex, "data");
    await server.write("for the Duplex");
    expect(String((await read)[0])).toBe("for the Duplex");
    await client.write("by the connection, ");
    duplex.end("by the Duplex");
    expect(String(await server.readAll())).toBe("by the connection, by the Duplex");
  });

  test("emits 'connect' for those who call connect(), once more if need be, and starts nothing", async () => {
    const listener = await loopback();
    const duplex = connectDuplex("127.0.0.1", listener.port);
    const calls: string[] = [];
    expect(duplex.connect()).toBe(duplex);
    expect(duplex.connect(1, "elsewhere.test", () => calls.push("while it connects"))).toBe(duplex);
    await once(duplex, "ready");
    expect(calls).toEqual(["while it connects"]);
    duplex.connect({ port: 1 }, () => calls.push("once it has connected"));
    duplex.connect();
    duplex.on("connect", () => calls.push("a listener that came later"));
    duplex.on("ready", () => calls.push("ready"));
    expect(calls.length).toBe(1);
    await turn();
    expect(calls.slice(1)).toEqual(["once it has connected", "a listener that came later", "ready"]);
    duplex.connect(() => calls.push("destroyed before the next tick"));
    duplex.destroy();
    await turn();
    expect([calls.length, listener.pending]).toEqual([4, 1]);
    expect(() => duplex.connect()).toThrow("the Duplex was destroyed, and cannot connect again");
  });

  test("of a connection has the same connect()", async () => {
    const { client } = await pair();
    await once(client.duplex.connect(1, "elsewhere.test"), "connect");
    client.reset();
    await once(client.duplex, "close");
    expect(() => client.duplex.connect()).toThrow("the Duplex was destroyed, and cannot connect again");
  });

  test("keeps the settings that were made before it had connected", async () => {
    const listener = await loopback();
    const duplex = connectDuplex("127.0.0.1", listener.port);
    const keepAlive = jest.spyOn(Socket.prototype, "setKeepAlive");
    duplex.setKeepAlive(true, 5_000).setKeepAlive(true, 7_000).setNoDelay().unref();
    const { socket } = keep(await duplex.connection);
    const settings = keepAlive.mock.calls.map(([on, delay]) => [on, delay]);
    keepAlive.mockRestore();
    expect(settings).toEqual([[true, 7_000]]);
    const { _handle: handle } = socket as unknown as { _handle: { hasRef(): boolean } };
    expect(handle.hasRef()).toBe(false);
    duplex.ref();
    expect(handle.hasRef()).toBe(true);
  });

  test("begins the silence that setTimeout waits for anew when it has connected", async () => {
    const listener = await loopback();
    const { lookup, asked } = deferredLookup();
    await onManualClock(async (clock) => {
      let timeouts = 0;
      const duplex = connectDuplex("name.test", listener.port, { lookup }).setTimeout(
        1_000,
        () => timeouts++,
      );
      const { answer } = await asked;
      await clock.advance(900);
      answer(null, "127.0.0.1", 4);
      await once(duplex, "ready");
      await clock.advance(990);
      expect(timeouts).toBe(0);
      await clock.advance(100);
      expect(timeouts).toBe(1);
      keep(await duplex.connection);
    });
  });

  test("emits 'lookup' for each address of a name, and none for a literal address", async () => {
    const listener = await loopback({}, await unusedPort());
    const lookup = lookupOf("127.0.0.2", "127.0.0.1");
    const lookups: unknown[] = [];
    const noteTo = (duplex: ConnectedDuplex) => duplex.on("lookup", (...seen) => lookups.push(seen));
    keep(await noteTo(connectDuplex("name.test", listener.port, { lookup })).connection);
    expect(lookups).toEqual([
      [null, "127.0.0.2", 4, "name.test"],
      [null, "127.0.0.1", 4, "name.test"],
    ]);
    keep(await noteTo(connectDuplex("127.0.0.1", listener.port, { lookup })).connection);
    expect(lookups).toHaveLength(2);
  });

  test("has the parameters and the AsyncLocalStorage of its call", async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const listener = await loopback();
    const duplex = storage.run("the call's", () => connectDuplex("127.0.0.1", listener.port));
    for (const event of ["connect", "ready"]) duplex.on(event, () => seen.push(storage.getStore()));
    await duplex.connection;
    duplex.destroy();
    expect(seen).toEqual(["the call's", "the call's"]);
    const late = withParameters({ connectTimeout: 20 }, () => connectDuplex("127.0.0.1", frozen.port));
    expect((await timeoutError(late.connection)).timeout).toBe(20);
  });

  test("reads without a timeout unless it is given one", async () => {
    const [patient, hasty] = await withParameters({ readTimeout: 10 }, () =>
      Promise.all([connected(), connected({ readTimeout: 20 })]),
    );
    patient.duplex.resume();
    hasty.duplex.resume();
    expect(await errorOf(hasty.duplex)).toMatchObject({ code: "ETIMEDOUT", operation: "read", timeout: 20 });
    expect(patient.duplex.destroyed).toBe(false);
  });
});

describe("when its peer ends", () => {
  test("it ends too, once what was written is sent", async () => {
    const { duplex, client, server } = await connected();
    const size = 8 << 20;
    duplex.write(new Uint8Array(size));
    await server.closeWrite();
    duplex.resume();
    await once(duplex, "end");
    expect((await server.readAll({ limit: Infinity })).length).toBe(size);
    await until(() => duplex.closed);
    expect(duplex.allowHalfOpen).toBe(false);
    await client.closed;
  });

  test("a loop over it has come to the end, and leaves no error behind", async () => {
    const { duplex, server } = await connected();
    await server.write("all of it");
    await server.closeWrite();
    const closed = once(duplex, "close");
    let read = "";
    for await (const chunk of duplex) read += String(chunk);
    expect([read, await closed, duplex.errored]).toEqual(["all of it", [false], null]);
    expect(await server.readAll()).toHaveLength(0);
  });

  test("the end waits for its reader behind bytes, and where the program has the connection", async () => {
    const [{ duplex, server }, { duplex: held, client, server: other }] = [await unheld(), await connected()];
    await server.write("first");
    await Promise.all([server.closeWrite(), other.closeWrite()]);
    expect(await client.read()).toBeNull();
    for (let i = 0; i < 5; i++) await turn();
    expect([duplex.readyState, held.readyState]).toEqual(["open", "open"]);
    expect(await text(duplex)).toBe("first");
    await client.write("still");
    held.end();
    expect(String(await other.readAll())).toBe("still");
  });

  test("it stays open for writing with allowHalfOpen", async () => {
    const { duplex, server } = await connected({ allowHalfOpen: true });
    await server.closeWrite();
    await once(duplex.resume(), "end");
    for (let i = 0; i < 5; i++) await turn();
    expect([duplex.allowHalfOpen, duplex.readyState]).toEqual([true, "writeOnly"]);
    duplex.end("still");
    expect(String(await server.readAll())).toBe("still");
    await until(() => duplex.closed);
  });

  test("and not when the program itself ends reading: writing goes on", async () => {
    const { duplex, client, server } = await connected();
    duplex.resume();
    client.closeRead();
    await once(duplex, "end");
    for (let i = 0; i < 5; i++) await turn();
    await client.write("a word, ");
    duplex.end("another");
    expect(String(await server.readAll())).toBe("a word, another");
  });
});

describe("failures", () => {
  test("are errors of the Duplex, and the rejection of its connection", async () => {
    const port = await unusedPort();
    const duplex = connectDuplex("127.0.0.1", port);
    const failed = errorOf(duplex);
    const error = await netError(duplex.connection);
    expect(error.message).toBe(`connect 127.0.0.1:${port}: connection refused (ECONNREFUSED)`);
    expect(error.attempts).toHaveLength(1);
    expect(await failed).toBe(error);
    expect([duplex.destroyed, duplex.connecting, duplex.readyState]).toEqual([true, false, "closed"]);
    await nothingLeft(frozen.sockets);
  });

  test("of an unknown service or name are told in the same way, and not at the call", async () => {
    const unknown = connectDuplex("127.0.0.1:no-such-service");
    const error = await netError(unknown.connection);
    expect(error).toMatchObject({ code: "EAI_SERVICE", operation: "resolve" });
    expect(unknown.errored).toBe(error);
    const lookup: LookupFunction = (_name, _options, answer) =>
      answer(Object.assign(new Error("not there"), { code: "ENOTFOUND" }), []);
    const nowhere = connectDuplex("nowhere.test", 80, { lookup });
    const lookups: unknown[][] = [];
    nowhere.on("lookup", (...seen: unknown[]) => lookups.push(seen));
    const notFound = await netError(nowhere.connection);
    expect(notFound).toMatchObject({ code: "ENOTFOUND", operation: "resolve", host: "nowhere.test" });
    expect(lookups).toEqual([[notFound, undefined, undefined, "nowhere.test"]]);
  });

  test.each<[string, () => unknown]>([
    ["an option that does not exist", () => connectDuplex("127.0.0.1:1", { alowHalfOpen: true } as never)],
    ["an option of the wrong type", () => connectDuplex("127.0.0.1:1", { allowHalfOpen: 1 } as never)],
    ["a port out of range", () => connectDuplex("127.0.0.1", 65_536)],
    ["a host that is none", () => connectDuplex("", 80)],
    ["no endpoint", () => connectDuplex(undefined as never)],
    ["null for options", () => connectDuplex("127.0.0.1", 80, null as never)],
  ])("that are mistakes of the caller throw at the call: %s", (_, call) => {
    expect(call).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_/) as string }) as Error,
    );
  });

  test("an option that is misspelt is named with the one that was meant", () => {
    expect(() => connectDuplex("127.0.0.1:1", { alowHalfOpen: true } as never)).toThrow(
      'did you mean "allowHalfOpen"?',
    );
  });

  test("a peer that resets is an error of the Duplex, also behind data that is read first", async () => {
    const { duplex, client, server } = await connected();
    await server.write("first this");
    await until(() => duplex.bytesRead === 10);
    server.reset();
    const failed = errorOf(duplex);
    expect(String((await once(duplex, "data"))[0])).toBe("first this");
    const error = await failed;
    expect(error).toMatchObject({ code: "ECONNRESET" });
    expect(await failure(client.closed)).toMatchObject({ code: "ECONNRESET" });
  });

  test("an error that the program passes on from elsewhere leaves no connection behind", async () => {
    const listener = await loopback();
    const elsewhere = connectDuplex("127.0.0.1", frozen.port);
    elsewhere.destroy();
    const closed = await netError(elsewhere.connection);
    const duplex = connectDuplex("127.0.0.1", listener.port).on("error", () => undefined);
    await once(duplex, "connect");
    duplex.destroy(closed);
    await until(() => duplex.closed);
    const server = keep(await listener.accept());
    expect(await failure(server.readAll())).toMatchObject({ code: "ECONNRESET" });
  });
});

const HANGING: [string, (options?: ConnectDuplexOptions) => ConnectedDuplex][] = [
  [
    "in a lookup that never answers",
    (options) => connectDuplex("never.test", 80, { ...options, lookup: never }),
  ],
  [
    "on the way to a server that never answers",
    (options) => connectDuplex("127.0.0.1", frozen.port, options),
  ],
  [
    "in a race of servers that never answer",
    (options) =>
      connectDuplex("two.test", frozen.port, {
        ...options,
        lookup: lookupOf("127.0.0.1", "::ffff:127.0.0.1"),
        attemptDelay: 10,
      }),
  ],
];

describe.each(HANGING)("a Duplex that hangs %s", (_, hanging) => {
  test("is given up by destroy(), without an error, and leaves nothing behind", async () => {
    const { signal } = new AbortController();
    const duplex = hanging({ signal });
    const { connection } = duplex;
    expect(await isPending(connection)).toBe(true);
    duplex.destroy();
    expect([duplex.destroyed, duplex.connecting, duplex.readyState]).toEqual([true, false, "closed"]);
    expect(listenersOf(signal)).toBe(0);
    expect(await netError(connection)).toMatchObject({ code: "ERR_CLOSED", operation: "connect" });
    expect(await errorOf(duplex)).toBeUndefined();
    await nothingLeft(frozen.sockets);
  });

  test("is given up by destroy(error), with that error", async () => {
    const duplex = hanging();
    await turn();
    const reason = new Error("enough");
    duplex.destroy(reason).destroy(new Error("more than enough"));
    expect(await failure(duplex.connection)).toBe(reason);
    expect(await errorOf(duplex)).toBe(reason);
    await nothingLeft(frozen.sockets);
  });

  test("fails when its timeout is over", async () => {
    const duplex = hanging({ timeout: 40 });
    const failed = errorOf(duplex);
    const error = await timeoutError(duplex.connection);
    expect(error).toMatchObject({ operation: "connect", code: "ETIMEDOUT", timeout: 40 });
    expect(await failed).toBe(error);
    await nothingLeft(frozen.sockets);
  });

  test.each(["signal", "closeOn"] as const)("fails with the reason of an abort: %s", async (option) => {
    const controller = new AbortController();
    const duplex = hanging({ [option]: controller.signal });
    const failed = errorOf(duplex);
    expect(await isPending(duplex.connection)).toBe(true);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await failure(duplex.connection)).toBe(reason);
    expect(await failed).toBe(reason);
    expect(listenersOf(controller.signal)).toBe(0);
    await nothingLeft(frozen.sockets);
  });

  test("emits 'timeout' after the silence that setTimeout sets, and goes on", async () => {
    const duplex = hanging().setTimeout(15);
    await once(duplex, "timeout");
    expect([duplex.connecting, duplex.destroyed]).toEqual([true, false]);
    duplex.destroy();
    await until(() => duplex.closed);
  });

  test("drops what was written, and tells each write", async () => {
    const duplex = hanging();
    const told: unknown[] = [];
    duplex.write("one", (error) => told.push(error));
    duplex.end("two", (error?: Error | null) => told.push(error));
    await turn();
    duplex.destroy();
    await until(() => duplex.closed);
    expect(told).toEqual([
      expect.objectContaining({ code: "ERR_STREAM_DESTROYED" }),
      expect.objectContaining({ code: "ERR_STREAM_DESTROYED" }),
    ]);
  });
});

describe("a signal", () => {
  test("that was aborted before the call starts nothing", async () => {
    const listener = await loopback();
    const reason = new Error("never mind");
    const lookup: LookupFunction = () => {
      throw new Error("looked up");
    };
    const signal = AbortSignal.abort(reason);
    expect(await errorOf(connectDuplex("name.test", listener.port, { signal, lookup }))).toBe(reason);
    expect(await errorOf(connectDuplex("127.0.0.1", listener.port, { signal }))).toBe(reason);
    expect(listener.pending).toBe(0);
  });

  test("that is aborted in the turn of the call starts nothing", async () => {
    const listener = await loopback();
    const controller = new AbortController();
    const duplex = connectDuplex("127.0.0.1", listener.port, { signal: controller.signal });
    controller.abort();
    expect(isAbortError(await errorOf(duplex))).toBe(true);
    expect([listener.pending, listenersOf(controller.signal)]).toEqual([0, 0]);
  });

  test("of a timer fails the Duplex with a NetTimeoutError", async () => {
    const duplex = connectDuplex("127.0.0.1", frozen.port, { signal: AbortSignal.timeout(15) });
    expect(await errorOf(duplex)).toBeInstanceOf(NetTimeoutError);
  });

  test.each([null, 0, ""])("with the reason %j fails it all the same", async (reason) => {
    const signal = AbortSignal.abort(reason);
    const duplex = connectDuplex("127.0.0.1", frozen.port, { signal });
    const error = await errorOf(duplex);
    expect(error).toMatchObject({ code: "ERR_CLOSED", operation: "connect" });
    expect(await failure(duplex.connection)).toBe(error);
  });

  test("has no effect once it has connected", async () => {
    const controller = new AbortController();
    const { duplex, server } = await connected({ signal: controller.signal, timeout: 10_000 });
    expect(listenersOf(controller.signal)).toBe(0);
    controller.abort();
    duplex.end("still here");
    expect(String(await server.readAll())).toBe("still here");
  });

  test("given as closeOn resets it without an error once it has connected", async () => {
    const controller = new AbortController();
    const { duplex, client, server } = await connected({ closeOn: controller.signal });
    controller.abort();
    expect(await errorOf(duplex)).toBeUndefined();
    await client.closed;
    expect(await failure(server.read())).toMatchObject({ code: "ECONNRESET" });
  });
});

test("a lookup that answers after destroy() is ignored", async () => {
  const listener = await loopback();
  const { lookup, asked } = deferredLookup();
  const duplex = connectDuplex("late.test", listener.port, { lookup });
  duplex.on("lookup", () => expect("'lookup'").toBe("not emitted"));
  const { answer, request } = await asked;
  duplex.destroy();
  await until(() => duplex.closed);
  expect(request.signal.aborted).toBe(true);
  answer(null, [{ address: "127.0.0.1", family: 4 }]);
  for (let i = 0; i < 10; i++) await turn();
  expect(listener.pending).toBe(0);
});

test("destroyed at any moment it closes, and leaves nothing behind", async () => {
  const server = createServer((socket) =>
    socket
      .on("error", () => undefined)
      .resume()
      .end("hello"),
  );
  const port = await unusedPort();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const outcomes = { connected: 0, destroyed: 0 };
  for (let moment = 0; moment < 200; moment++) {
    const { signal } = new AbortController();
    const events: unknown[] = [];
    const duplex = connectDuplex("name.test", port, { lookup: lookupOf("127.0.0.1", "::1"), signal });
    for (const event of ["connect", "ready", "error", "end", "close"]) {
      duplex.on(event, () => events.push(event));
    }
    const connection = duplex.connection.catch((error: unknown) => error);
    duplex.write("bytes");
    if (moment < 80) await microtasks(moment);
    else {
      for (let i = 80; i < moment; i += 10) await turn();
      await microtasks(moment % 10);
    }
    duplex.destroy();
    await until(() => duplex.closed);
    expect(listenersOf(signal)).toBe(0);
    const result = await connection;
    if (result instanceof Connection) {
      outcomes.connected++;
      expect(events).toEqual(["connect", "ready", "close"]);
      await result.closed;
    } else {
      outcomes.destroyed++;
      expect(events).toEqual(["close"]);
      expect(result).toMatchObject({ code: "ERR_CLOSED", operation: "connect" });
    }
  }
  expect(outcomes.connected).toBeGreaterThan(0);
  expect(outcomes.destroyed).toBeGreaterThan(0);
  server.close();
  await once(server, "close");
  await nothingLeft(frozen.sockets);
});

test("a stream's own ways work on it: for await, pipes, await using", async () => {
  const { duplex, server } = await connected();
  duplex.end("question");
  expect(String(await server.readAll())).toBe("question");
  await server.write("answer");
  await server.closeWrite();
  expect(await text(duplex)).toBe("answer");
  const given = await connected();
  await given.server.closeWrite();
  await given.duplex[Symbol.asyncDispose]();
  expect(given.duplex.closed).toBe(true);
});

test("a Duplex that connects lists the addresses it has tried, as a net.Socket does", async () => {
  const { port } = await loopback({}, await unusedPort());
  const duplex = connectDuplex("athena.test", port, {
    lookup: (_host, _options, done) =>
      done(null, [
        { address: "127.0.0.2", family: 4 },
        { address: "127.0.0.1", family: 4 },
      ]),
  });
  expect(duplex.autoSelectFamilyAttemptedAddresses).toEqual([]);
  await duplex.connection;
  expect(duplex.autoSelectFamilyAttemptedAddresses).toEqual([`127.0.0.2:${port}`, `127.0.0.1:${port}`]);
  duplex.destroy();
  await once(duplex, "close");
});

test("autoSelectFamilyAttemptedAddresses: of a Unix socket none, which has no address", async () => {
  const path = socketPath();
  keep(await listen({ path }));
  const duplex = connectDuplex({ path });
  await duplex.connection;
  expect(duplex.autoSelectFamilyAttemptedAddresses).toEqual([]);
  duplex.destroy();
  await once(duplex, "close");
});
