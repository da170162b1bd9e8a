import { isAbortError } from "abort-controller-x";
import { once } from "node:events";
import { connect as netConnect, type Socket } from "node:net";
import {
  connect,
  Connection,
  connectTo,
  NetTimeoutError,
  setParameters,
  withParameters,
  type ConnectOptions,
  type LookupFunction,
} from "../../src/index.js";
import { frozenServer, type FrozenServer } from "../support/frozen-server.js";
import { deferredLookup, lookupOf } from "../support/lookups.js";
import { failure, isPending, microtasks, netError, timeoutError, turn } from "../support/outcomes.js";
import { closeAll, keep, loopback, socketPath, unusedPort } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";

let frozen: FrozenServer;
beforeAll(async () => {
  frozen = await frozenServer();
});
afterAll(() => frozen.close());
afterEach(closeAll);
afterEach(() => setParameters({ connectTimeout: Infinity }));

const never: LookupFunction = () => undefined;

/** Waits until only what was open before the test is open. */
async function nothingNew(): Promise<void> {
  await nothingLeft(frozen.sockets);
}

/** The two places where a connect can hang. */
const HANGING: [string, (options: ConnectOptions) => Promise<Connection>][] = [
  ["in a lookup that never answers", (options) => connect("never.test", 80, { ...options, lookup: never })],
  ["on the way to a server that never answers", (options) => connect("127.0.0.1", frozen.port, options)],
  [
    "in a race of servers that never answer",
    (options) =>
      connectTo(
        ["127.0.0.1", "::ffff:127.0.0.1"].map((address) => ({
          address,
          port: frozen.port,
          family: address.includes(":") ? 6 : 4,
        })),
        { ...options, attemptDelay: 10 },
      ),
  ],
];

describe.each(HANGING)("a connect that hangs %s", (_, hanging) => {
  test("is ended by its timeout, with operation connect, and leaves nothing behind", async () => {
    const controller = new AbortController();
    const error = await timeoutError(hanging({ timeout: 60, signal: controller.signal }));
    expect(error).toMatchObject({ operation: "connect", code: "ETIMEDOUT", timeout: 60, transient: true });
    expect(error.message).toMatch(/^connect .+: timed out after 60 ms \(ETIMEDOUT\)/);
    await nothingNew();
    expect(listenersOf(controller.signal)).toBe(0);
  });

  test("is ended by the parameter connectTimeout, unless the call says otherwise", async () => {
    setParameters({ connectTimeout: 31 });
    expect((await timeoutError(hanging({}))).timeout).toBe(31);
    await withParameters({ connectTimeout: 32 }, async () => {
      expect((await timeoutError(hanging({}))).timeout).toBe(32);
      expect((await timeoutError(hanging({ timeout: 33 }))).timeout).toBe(33);
    });
  });

  test("is ended by an abort at once, with the reason, and leaves nothing behind", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const connecting = hanging({ signal });
    expect(await isPending(connecting)).toBe(true);
    expect(listenersOf(signal)).toBe(1);
    const reason = new Error("enough");
    const rejected = failure(connecting);
    controller.abort(reason);
    expect(await rejected).toBe(reason);
    expect(listenersOf(signal)).toBe(0);
    await nothingNew();
  });

  test("is ended by an abort with a timeout of another call, which comes through as it is", async () => {
    for (const timeout of [undefined, 10_000]) {
      const controller = new AbortController();
      const connecting = failure(hanging({ signal: controller.signal, timeout }));
      expect(await isPending(connecting)).toBe(true);
      const reason = new NetTimeoutError("read: timed out", { operation: "read", timeout: 5 });
      const { stack } = reason;
      controller.abort(reason);
      expect(await connecting).toBe(reason);
      expect(reason).toMatchObject({ message: "read: timed out", operation: "read", timeout: 5, stack });
      expect(reason).not.toHaveProperty("attempts");
    }
  });

  test("rejects with the AbortError of an abort without a reason", async () => {
    const controller = new AbortController();
    const connecting = failure(hanging({ signal: controller.signal }));
    await turn();
    controller.abort();
    const error = await connecting;
    expect(error).toBe(controller.signal.reason);
    expect(isAbortError(error)).toBe(true);
  });

  test("is ended by AbortSignal.timeout() with NetTimeoutError, whose cause is the signal's reason", async () => {
    const signal = AbortSignal.timeout(30);
    const error = await timeoutError(hanging({ signal }));
    expect(error).toMatchObject({ operation: "connect", code: "ETIMEDOUT" });
    expect(error.cause).toBe(signal.reason);
    expect(error).not.toHaveProperty("timeout");
    await nothingNew();
  });

  test("is ended by AbortSignal.any() according to which of its signals it was", async () => {
    const controller = new AbortController();
    const byTimer = AbortSignal.any([AbortSignal.timeout(20), controller.signal]);
    expect((await timeoutError(hanging({ signal: byTimer }))).cause).toBe(byTimer.reason);
    const byUser = AbortSignal.any([AbortSignal.timeout(60_000), controller.signal]);
    const connecting = failure(hanging({ signal: byUser }));
    controller.abort();
    expect(isAbortError(await connecting)).toBe(true);
  });
});

describe("an aborted signal", () => {
  test("rejects before anything is done", async () => {
    const listener = await loopback();
    const forbidden: LookupFunction = () => {
      throw new Error("looked up");
    };
    const reason = new Error("never mind");
    const signal = AbortSignal.abort(reason);
    expect(await failure(connect("name.test", listener.port, { lookup: forbidden, signal }))).toBe(reason);
    expect(await failure(connect("127.0.0.1", listener.port, { signal }))).toBe(reason);
    const address = { address: "127.0.0.1", port: listener.port, family: 4 as const };
    expect(await failure(connectTo([address], { signal }))).toBe(reason);
    expect(await failure(connect(socketPath(), { signal }))).toBe(reason);
    for (let i = 0; i < 5; i++) await turn();
    expect(listener.pending).toBe(0);
  });

  test("that was a timer's rejects with NetTimeoutError", async () => {
    const signal = AbortSignal.timeout(1);
    await once(signal, "abort");
    const error = await timeoutError(connect("127.0.0.1", frozen.port, { signal }));
    expect(error).toMatchObject({ operation: "connect", cause: signal.reason as unknown });
  });
});

test("a timeout of 0 always fails, and no attempt is begun", async () => {
  const listener = await loopback();
  const error = await timeoutError(connect("127.0.0.1", listener.port, { timeout: 0 }));
  expect(error).toMatchObject({ operation: "connect", timeout: 0 });
  await withParameters({ connectTimeout: 0 }, () => timeoutError(connect("127.0.0.1", listener.port)));
  for (let i = 0; i < 5; i++) await turn();
  expect(listener.pending).toBe(0);
});

test.each([Infinity, 2 ** 31, 2 ** 40])("a timeout of %d never ends the call", async (timeout) => {
  const listener = await loopback();
  const { lookup, asked } = deferredLookup();
  const connecting = connect("name.test", listener.port, { lookup, timeout });
  const { answer } = await asked;
  expect(await isPending(connecting)).toBe(true);
  answer(null, "127.0.0.1", 4);
  keep(await connecting);
});

test("one deadline spans the lookup and the race", async () => {
  const lookup: LookupFunction = (_host, _options, answer) => setTimeout(answer, 1_500, null, "127.0.0.1", 4);
  const began = performance.now();
  const error = await timeoutError(connect("slow.test", frozen.port, { lookup, timeout: 2_000 }));
  expect(error.timeout).toBe(2_000);
  // With a deadline of its own for the race it would be 3500.
  expect(performance.now() - began).toBeLessThan(3_400);
});

test.each(["timeout", "abort"])("a lookup that answers after the %s is ignored", async (how) => {
  const listener = await loopback();
  const { lookup, asked } = deferredLookup();
  const controller = new AbortController();
  const options = how === "timeout" ? { timeout: 20 } : { signal: controller.signal };
  const connecting = failure(connect("late.test", listener.port, { lookup, ...options }));
  const { answer, request } = await asked;
  if (how === "abort") controller.abort();
  await connecting;
  expect(request.signal.aborted).toBe(true);
  answer(null, [{ address: "127.0.0.1", family: 4 }]);
  answer(new Error("and again, and wrong"), "");
  for (let i = 0; i < 10; i++) await turn();
  expect(listener.pending).toBe(0);
});

describe("an abort", () => {
  test("after connecting does not affect the connection", async () => {
    const listener = await loopback();
    const controller = new AbortController();
    const client = keep(await connect("127.0.0.1", listener.port, { signal: controller.signal }));
    const server = keep(await listener.accept());
    expect(listenersOf(controller.signal)).toBe(0);
    controller.abort();
    for (let i = 0; i < 5; i++) await turn();
    await client.writeLine("still here");
    expect(await server.readLine()).toBe("still here");
    await server.writeLine("so am I");
    expect(await client.readLine()).toBe("so am I");
  });

  test("at any moment either yields a connection that works or leaves none", async () => {
    const listener = await loopback({}, await unusedPort());
    const outcomes = { connected: 0, aborted: 0 };
    for (let moment = 0; moment < 120; moment++) {
      const controller = new AbortController();
      const reason = new Error(`at ${moment}`);
      const outcome = connect("name.test", listener.port, {
        lookup: lookupOf("127.0.0.1", "::1"),
        signal: controller.signal,
      }).catch((error: unknown) => error);
      if (moment < 60) await microtasks(moment);
      else {
        for (let i = 60; i < moment; i += 5) await turn();
        await microtasks(moment % 5);
      }
      controller.abort(reason);
      const result = await outcome;
      expect(listenersOf(controller.signal)).toBe(0);
      if (result instanceof Connection) {
        outcomes.connected++;
        await result.writeLine(`connected at ${moment}`);
        let line: string | null = null;
        // Those that were given up may come first: they have been reset.
        while (line === null) {
          const server = await listener.accept({ timeout: 10_000 });
          line = await server.readLine().catch(() => null);
          server.reset();
        }
        expect(line).toBe(`connected at ${moment}`);
        result.reset();
      } else {
        expect(result).toBe(reason);
        outcomes.aborted++;
      }
    }
    expect(outcomes.aborted).toBeGreaterThan(0);
    await listener.close();
    await nothingNew();
  });

  test("in the event in which the socket connects leaves nothing behind", async () => {
    for (let delay = 0; delay < 30; delay++) {
      const listener = await loopback();
      const controller = new AbortController();
      listener.server.once("connection", (socket: Socket) => {
        expect(socket.remoteAddress).toBe("127.0.0.1");
        void microtasks(delay).then(() => controller.abort());
      });
      const { signal } = controller;
      const result = await connect("127.0.0.1", listener.port, { signal }).catch((error: unknown) => error);
      if (result instanceof Connection) result.reset();
      else expect(result).toBe(signal.reason);
      await listener.close();
    }
    await nothingNew();
  });
});

describe("nothing is left behind", () => {
  test("by a race that is won: the losers are gone", async () => {
    const listener = await loopback();
    const addresses = [frozen.port, frozen.port, listener.port].map((port) => ({
      address: "127.0.0.1",
      port,
      family: 4 as const,
    }));
    const client = await connectTo(addresses, { attemptDelay: 10 });
    const server = await listener.accept();
    await Promise.all([client.close(), server.close(), listener.close()]);
    await nothingNew();
  });

  test("by many timeouts and failures, neither sockets nor listeners of the signal", async () => {
    const dead = await unusedPort();
    const { signal } = new AbortController();
    for (let round = 0; round < 8; round++) {
      const calls = Array.from({ length: 8 }, async (_, i) => {
        const [port, timeout] = i % 2 === 0 ? [frozen.port, 20 + i] : [dead, 10_000];
        const error = await netError(connect("127.0.0.1", port, { timeout, signal }));
        expect(error.code).toBe(i % 2 === 0 ? "ETIMEDOUT" : "ECONNREFUSED");
      });
      await Promise.all(calls);
    }
    expect(listenersOf(signal)).toBe(0);
    await nothingNew();
  });

  test("of a signal that is used for many connections", async () => {
    const listener = await loopback();
    const { signal } = new AbortController();
    for (let i = 0; i < 50; i++) {
      const client = await connect("127.0.0.1", listener.port, { signal, timeout: 10_000 });
      const server = await listener.accept({ signal, timeout: 10_000 });
      await Promise.all([client.close(), server.close()]);
    }
    expect(listenersOf(signal)).toBe(0);
    await listener.close();
    await nothingNew();
  });
});

describe("what a connection captures", () => {
  test("is in force at the call of connect, and its options go first", async () => {
    const listener = await loopback();
    const { lookup, asked } = deferredLookup();
    const connecting = withParameters({ readTimeout: 41, writeTimeout: 42, bufferSize: 1_000 }, () =>
      connect("name.test", listener.port, { lookup, writeTimeout: 43 }),
    );
    const { answer } = await asked;
    setParameters({ readTimeout: 5 });
    try {
      answer(null, "127.0.0.1", 4);
      const client = keep(await connecting);
      keep(await listener.accept());
      const error = await withParameters({ readTimeout: 44 }, () => timeoutError(client.read()));
      expect(error).toMatchObject({ operation: "read", timeout: 41 });
      void client.write("gathered");
      expect(client.writableLength).toBe(8);
      const stuck = await timeoutError(client.write(Buffer.alloc(32 * 1024 * 1024)));
      expect(stuck).toMatchObject({ operation: "write", timeout: 43 });
    } finally {
      setParameters({ readTimeout: 60_000 });
    }
  });

  test("comes from the options as they were at the call, and so does how it connects", async () => {
    const listener = await loopback();
    const { lookup, asked } = deferredLookup();
    const options: ConnectOptions = { lookup, family: 4, readTimeout: 45, attemptTimeout: 10_000 };
    const connecting = connect("name.test", listener.port, options);
    Object.assign(options, { lookup: never, family: 6, readTimeout: 46, attemptTimeout: NaN, timeout: NaN });
    const { request, answer } = await asked;
    expect(request.family).toBe(4);
    Object.assign(options, { noDelay: "no", keepAlive: null });
    answer(null, "127.0.0.1", 4);
    const client = keep(await connecting);
    expect((await timeoutError(client.read())).timeout).toBe(45);
  });

  test("does not include the timeout and the signal of connecting", async () => {
    const listener = await loopback();
    const client = keep(await connect("127.0.0.1", listener.port, { timeout: 1_000 }));
    const server = keep(await listener.accept());
    const reading = client.read();
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await server.write("after the deadline of connect");
    expect(String(await reading)).toBe("after the deadline of connect");
  });
});

describe("a socket that was adopted while it connects, and never does", () => {
  const adopted = (): Connection =>
    keep(Connection.from(netConnect(frozen.port, "127.0.0.1"), { writeTimeout: 60 }));

  test("rejects closeWrite() and close() in time", async () => {
    const connection = adopted();
    expect((await timeoutError(connection.closeWrite({ timeout: 40 }))).timeout).toBe(40);
    expect((await timeoutError(connection.closeWrite())).timeout).toBe(60);
    expect((await timeoutError(connection.close())).timeout).toBe(60);
    await connection.closed;
    await nothingNew();
  });

  test("is closed also by a close() with something to send", async () => {
    const connection = adopted();
    connection.write("never sent").catch(() => undefined);
    await timeoutError(connection.close());
    await connection.closed;
    await nothingNew();
  });

  test("is closed by a reset() at once", async () => {
    const connection = adopted();
    connection.reset();
    await connection.closed;
    await nothingNew();
  });
});

test("with a localPort no address is tried while another one is on the way, whatever the attemptDelay is", async () => {
  const listener = await loopback();
  const addresses = [frozen.port, listener.port].map((port) => ({
    address: "127.0.0.1",
    port,
    family: 4 as const,
  }));
  const options = { localPort: await unusedPort(), attemptDelay: 10, timeout: 200 };
  await timeoutError(connectTo(addresses, options));
  expect(listener.pending).toBe(0);
});
