import { AbortError, isAbortError } from "abort-controller-x";
import { createConnection, type Socket } from "node:net";
import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import {
  Connection,
  NetTimeoutError,
  setParameters,
  withParameters,
  type Listener,
} from "../../src/index.js";
import { failure, isPending, microtasks, netError, timeoutError, turn, until } from "../support/outcomes.js";
import { closeAll, keep, loopback, netClient } from "../support/peers.js";
import { listenersOf } from "../support/resources.js";

afterEach(closeAll);
afterEach(() => setParameters({ acceptTimeout: Infinity }));

/** A client that sends its name as its first line. */
async function clientNamed(listener: { port: number }, name: string): Promise<Socket> {
  const client = await netClient(listener.port);
  client.write(`${name}\n`);
  return client;
}

async function nameOf(connection: Connection): Promise<string | null> {
  return keep(connection).readLine({ timeout: 10_000 });
}

describe("accept", () => {
  test("resolves to a connection with the client that comes", async () => {
    const listener = await loopback();
    const accepting = listener.accept();
    expect(await isPending(accepting)).toBe(true);
    const client = await clientNamed(listener, "first");
    const connection = await accepting;
    expect(connection).toBeInstanceOf(Connection);
    expect(connection.remotePort).toBe(client.localPort);
    expect(connection.localPort).toBe(listener.port);
    expect(await nameOf(connection)).toBe("first");
  });

  test("gives clients that wait in the order in which they came", async () => {
    const listener = await loopback();
    for (const name of ["a", "b", "c"]) await clientNamed(listener, name);
    const names = [];
    for (let i = 0; i < 3; i++) names.push(await nameOf(await listener.accept()));
    expect(names).toEqual(["a", "b", "c"]);
  });

  test("serves calls that wait in the order in which they were made", async () => {
    const listener = await loopback();
    const served: number[] = [];
    const accepting = [0, 1, 2, 3].map(async (caller) => {
      const connection = keep(await listener.accept());
      served.push(caller);
      return connection.remotePort;
    });
    const ports = [];
    for (let i = 0; i < 4; i++) {
      const client = await netClient(listener.port);
      ports.push(client.localPort);
    }
    expect(await Promise.all(accepting)).toEqual(ports);
    expect(served).toEqual([0, 1, 2, 3]);
  });

  test("a call that has given up is passed over, and the others keep their places", async () => {
    const listener = await loopback();
    const controller = new AbortController();
    const first = listener.accept();
    const second = failure(listener.accept({ signal: controller.signal }));
    const third = listener.accept();
    controller.abort(new Error("gave up"));
    expect(await second).toEqual(new Error("gave up"));
    await clientNamed(listener, "a");
    await clientNamed(listener, "b");
    expect(await nameOf(await first)).toBe("a");
    expect(await nameOf(await third)).toBe("b");
  });
});

describe("a timeout", () => {
  test("rejects with NetTimeoutError, and the next call gets the next client", async () => {
    const listener = await loopback();
    const error = await timeoutError(listener.accept({ timeout: 20 }));
    expect(error).toMatchObject({ operation: "accept", code: "ETIMEDOUT", timeout: 20, transient: true });
    expect(error).toMatchObject({ host: "127.0.0.1", address: "127.0.0.1", port: listener.port });
    expect(error.message).toBe(`accept 127.0.0.1:${listener.port}: timed out after 20 ms (ETIMEDOUT)`);
    await clientNamed(listener, "late");
    expect(await nameOf(await listener.accept())).toBe("late");
  });

  test("of 0 takes a client that is here already, and waits for none", async () => {
    const listener = await loopback();
    expect(await timeoutError(listener.accept({ timeout: 0 }))).toMatchObject({ timeout: 0 });
    await clientNamed(listener, "here");
    await until(() => listener.acceptReady);
    expect(await nameOf(await listener.accept({ timeout: 0 }))).toBe("here");
    await timeoutError(listener.accept({ timeout: 0 }));
  });

  test("of Infinity, or longer than any timer, waits", async () => {
    const listener = await loopback({ acceptTimeout: 0 });
    const first = listener.accept({ timeout: Infinity });
    const second = listener.accept({ timeout: 2 ** 40 });
    expect(await isPending(Promise.race([first, second]))).toBe(true);
    await clientNamed(listener, "a");
    await clientNamed(listener, "b");
    expect([await nameOf(await first), await nameOf(await second)]).toEqual(["a", "b"]);
  });

  test("covers its call only: the connection outlives it", async () => {
    const listener = await loopback();
    const accepting = listener.accept({ timeout: 1_000 });
    const client = await clientNamed(listener, "on time");
    const connection = await accepting;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await nameOf(connection)).toBe("on time");
    client.write("still here\n");
    expect(await connection.readLine()).toBe("still here");
  });

  test("comes from the call, then the listener's acceptTimeout, then the parameters", async () => {
    setParameters({ acceptTimeout: 11 });
    const plain = await loopback();
    const own = await loopback({ acceptTimeout: 13 });
    expect((await timeoutError(plain.accept())).timeout).toBe(11);
    expect((await timeoutError(own.accept())).timeout).toBe(13);
    await withParameters({ acceptTimeout: 12 }, async () => {
      expect((await timeoutError(plain.accept())).timeout).toBe(12);
      expect((await timeoutError(own.accept())).timeout).toBe(13);
      expect((await timeoutError(own.accept({ timeout: 14 }))).timeout).toBe(14);
    });
  });
});

test("changes to the options object after the call of listen have no effect, and lose no client", async () => {
  const options = { acceptTimeout: 12, readTimeout: 13 };
  const listening = loopback(options);
  options.readTimeout = 14;
  const listener = await listening;
  Object.assign(options, { acceptTimeout: NaN, readTimeout: NaN, noDelay: "yes", keepAlive: null });
  expect((await timeoutError(listener.accept())).timeout).toBe(12);
  await clientNamed(listener, "unharmed");
  const connection = await listener.accept({ timeout: 10_000 });
  expect(await nameOf(connection)).toBe("unharmed");
  expect((await timeoutError(connection.read())).timeout).toBe(13);
});

describe("a signal", () => {
  test("aborted before rejects with its reason and leaves the client that waits", async () => {
    const listener = await loopback();
    await clientNamed(listener, "waiting");
    await until(() => listener.acceptReady);
    const reason = { why: "no" };
    expect(await failure(listener.accept({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(listener.pending).toBe(1);
    expect(await nameOf(await listener.accept())).toBe("waiting");
  });

  test("aborted while it waits rejects with its reason and loses no client", async () => {
    const listener = await loopback();
    const controller = new AbortController();
    const accepting = failure(listener.accept({ signal: controller.signal }));
    await turn();
    controller.abort();
    const error = await accepting;
    expect(error).toBe(controller.signal.reason);
    expect(isAbortError(error)).toBe(true);
    await clientNamed(listener, "after");
    expect(await nameOf(await listener.accept())).toBe("after");
  });

  test.each([undefined, 50])("of any reason is passed on as it is (timeout %s)", async (timeout) => {
    const listener = await loopback();
    for (const reason of [new AbortError(), "a word", 0, null]) {
      const controller = new AbortController();
      const { signal } = controller;
      const accepting = failure(listener.accept({ signal, ...(timeout === undefined ? {} : { timeout }) }));
      controller.abort(reason);
      expect(await accepting).toBe(reason);
      expect(listenersOf(signal)).toBe(0);
    }
  });

  test("of AbortSignal.timeout() rejects with NetTimeoutError, whose cause is its reason", async () => {
    const listener = await loopback();
    const signal = AbortSignal.timeout(15);
    const error = await failure(listener.accept({ signal }));
    expect(error).toBeInstanceOf(NetTimeoutError);
    expect(error).toMatchObject({ operation: "accept", code: "ETIMEDOUT", cause: signal.reason as unknown });
    expect(error).not.toHaveProperty("timeout");
    expect(await failure(listener.accept({ signal }))).toMatchObject({ cause: signal.reason as unknown });
  });

  test("covers its call only: the connection outlives its abort", async () => {
    const listener = await loopback();
    const controller = new AbortController();
    const accepting = listener.accept({ signal: controller.signal });
    await clientNamed(listener, "in time");
    const connection = await accepting;
    expect(listenersOf(controller.signal)).toBe(0);
    controller.abort();
    expect(await nameOf(connection)).toBe("in time");
    expect(connection.socket.destroyed).toBe(false);
  });

  test("keeps no listener, however the call ends", async () => {
    const listener = await loopback();
    const controller = new AbortController();
    const { signal } = controller;
    for (let i = 0; i < 5; i++) await timeoutError(listener.accept({ timeout: 1, signal }));
    expect(listenersOf(signal)).toBe(0);
    await timeoutError(listener.accept({ timeout: 0, signal }));
    const accepting = listener.accept({ timeout: 10_000, signal });
    expect(listenersOf(signal)).toBe(1);
    await netClient(listener.port);
    keep(await accepting);
    expect(listenersOf(signal)).toBe(0);
    await netClient(listener.port);
    await until(() => listener.acceptReady);
    keep(await listener.accept({ signal }));
    const closing = failure(listener.accept({ signal }));
    await turn();
    await listener.close();
    await closing;
    expect(listenersOf(signal)).toBe(0);
  });
});

describe("no client is lost when a call of accept ends while a client arrives", () => {
  /** The name of the client that the call has got, or else of the one that the next call gets. */
  async function servedBy(listener: Listener, accepting: Promise<unknown>): Promise<string | null> {
    const first = await accepting;
    if (first instanceof Connection) return nameOf(first);
    return nameOf(await listener.accept({ timeout: 10_000 }));
  }

  test.each([true, false])(
    "by an abort in the same event (before the library's own work: %s)",
    async (before) => {
      for (let round = 0; round < 30; round++) {
        const listener = await loopback();
        const controller = new AbortController();
        const abort = () => controller.abort();
        if (before) listener.server.prependListener("connection", abort);
        else listener.server.on("connection", abort);
        const accepting = listener.accept({ signal: controller.signal }).catch((error: unknown) => error);
        await clientNamed(listener, `client ${round}`);
        if (before) expect(await accepting).toBe(controller.signal.reason);
        expect(await servedBy(listener, accepting)).toBe(`client ${round}`);
        expect(listener).toMatchObject({ pending: 0, dropped: 0 });
        await listener.close();
      }
    },
  );

  test("by an abort some microtasks later", async () => {
    const listener = await loopback();
    for (let delay = 0; delay < 40; delay++) {
      const controller = new AbortController();
      listener.server.once("connection", () => void microtasks(delay).then(() => controller.abort()));
      const accepting = listener.accept({ signal: controller.signal }).catch((error: unknown) => error);
      await clientNamed(listener, `client ${delay}`);
      expect(await servedBy(listener, accepting)).toBe(`client ${delay}`);
    }
    expect(listener).toMatchObject({ pending: 0, dropped: 0 });
  });

  test("by its timeout", async () => {
    const listener = await loopback();
    const ended = { served: 0, timedOut: 0 };
    for (let round = 0; round < 100; round++) {
      const coming = clientNamed(listener, `client ${round}`);
      const accepting = listener
        .accept({ timeout: round % 3 === 0 ? 0 : 0.01 + (round % 4) })
        .catch((error: unknown) => error);
      const outcome = await accepting;
      if (outcome instanceof Connection) ended.served++;
      else ended.timedOut++;
      expect(await servedBy(listener, Promise.resolve(outcome))).toBe(`client ${round}`);
      await coming;
    }
    expect(ended.timedOut).toBeGreaterThan(0);
    expect(ended.served + ended.timedOut).toBe(100);
    expect(listener).toMatchObject({ pending: 0, dropped: 0 });
  });

  test("when the loop was too busy for its timer: exactly one call gets the client", async () => {
    const listener = await loopback();
    for (let round = 0; round < 10; round++) {
      const accepting = listener.accept({ timeout: 5 }).catch((error: unknown) => error);
      const coming = clientNamed(listener, `client ${round}`);
      // Timer and client are both due in the loop's next turn.
      for (const end = performance.now() + 8; performance.now() < end;);
      expect(await servedBy(listener, accepting)).toBe(`client ${round}`);
      await coming;
    }
    expect(listener.pending).toBe(0);
  });
});

describe("for await", () => {
  test("yields every client in turn and ends when the listener closes", async () => {
    const listener = await loopback();
    const names: (string | null)[] = [];
    const looping = (async () => {
      for await (const connection of listener) {
        names.push(await nameOf(connection));
        if (names.length === 3) void listener.close();
      }
      return "ended";
    })();
    for (const name of ["a", "b", "c"]) await clientNamed(listener, name);
    expect(await looping).toBe("ended");
    expect(names).toEqual(["a", "b", "c"]);
  });

  test("ends at once over a listener that is closed", async () => {
    const listener = await loopback();
    await listener.close();
    const seen: Connection[] = [];
    for await (const connection of listener) seen.push(connection);
    expect(seen).toEqual([]);
  });

  test("that is left by break leaves the listener open and loses no client", async () => {
    const listener = await loopback();
    await clientNamed(listener, "a");
    for await (const connection of listener) {
      expect(await nameOf(connection)).toBe("a");
      break;
    }
    expect(listener.server.listening).toBe(true);
    await clientNamed(listener, "b");
    for await (const connection of listener) {
      expect(await nameOf(connection)).toBe("b");
      break;
    }
    await clientNamed(listener, "c");
    expect(await nameOf(await listener.accept())).toBe("c");
  });

  test("that is left while it waits takes no client with it", async () => {
    const listener = await loopback();
    const loop = listener[Symbol.asyncIterator]();
    const pulls = [loop.next(), loop.next()];
    await turn();
    expect(await loop.return?.()).toEqual({ value: undefined, done: true });
    expect(await Promise.all(pulls)).toEqual([
      { value: undefined, done: true },
      { value: undefined, done: true },
    ]);
    expect(await loop.next()).toEqual({ value: undefined, done: true });
    await clientNamed(listener, "later");
    expect(await nameOf(await listener.accept())).toBe("later");
  });

  test.each<[string, (listener: Listener) => Promise<unknown>]>([
    [
      "Readable.from(listener).destroy()",
      async (listener) => {
        const readable = Readable.from(listener).resume();
        await turn();
        readable.destroy();
        await until(() => readable.closed);
      },
    ],
    [
      "ReadableStream.from(listener).cancel()",
      async (listener) => {
        // Node's own types lack it.
        type From = { from(source: AsyncIterable<Connection>): ReadableStream<Connection> };
        const reader = (ReadableStream as unknown as From).from(listener).getReader();
        const read = reader.read();
        await turn();
        await reader.cancel();
        expect((await read).done).toBe(true);
      },
    ],
    [
      "throw() of a generator that delegates to it",
      async (listener) => {
        const delegate = async function* (): AsyncGenerator<Connection, void> {
          yield* listener;
        };
        await clientNamed(listener, "early");
        const generator = delegate();
        expect(await nameOf((await generator.next()).value as Connection)).toBe("early");
        const error = new Error("thrown in");
        expect(await failure(generator.throw(error))).toBe(error);
      },
    ],
  ])("that is left by %s takes no client with it", async (_, leave) => {
    const listener = await loopback();
    await leave(listener);
    await clientNamed(listener, "later");
    expect(await nameOf(await listener.accept())).toBe("later");
  });

  test("ignores acceptTimeout: an idle listener is no failure", async () => {
    const listener = await loopback({ acceptTimeout: 0 });
    const loop = withParameters({ acceptTimeout: 0 }, () => listener[Symbol.asyncIterator]());
    const pull = withParameters({ acceptTimeout: 0 }, () => loop.next());
    expect(await isPending(pull)).toBe(true);
    await clientNamed(listener, "at last");
    const next = await pull;
    expect(await nameOf(next.value as Connection)).toBe("at last");
    await loop.return?.();
  });

  test("shares the clients with other loops and calls, each of them once", async () => {
    const listener = await loopback();
    const seen: (string | null)[] = [];
    const loop = async () => {
      for await (const connection of listener) seen.push(await nameOf(connection));
    };
    const calls = [0, 1].map(async () => seen.push(await nameOf(await listener.accept())));
    const loops = [loop(), loop()];
    const names = Array.from({ length: 20 }, (_, i) => `client ${i}`);
    await Promise.all(names.map((name) => clientNamed(listener, name)));
    await until(() => seen.length === 20);
    await Promise.all(calls);
    await listener.close();
    await Promise.all(loops);
    expect([...seen].sort()).toEqual([...names].sort());
  });
});

describe("what a connection captures", () => {
  test("is in force at the call of accept, and the listener's options go first", async () => {
    const listener = await loopback({ writeTimeout: 7 });
    const accepting = withParameters({ readTimeout: 21, bufferSize: 100 }, () => listener.accept());
    await netClient(listener.port);
    const connection = keep(await accepting);
    expect((await timeoutError(connection.read())).timeout).toBe(21);
    void connection.write("gathered");
    expect(connection.writableLength).toBe(8);
    await connection.flush();
    await netClient(listener.port);
    const other = keep(await listener.accept());
    void other.write("sent at once");
    expect(other.writableLength).toBe(0);
    const stuck = timeoutError(other.write(Buffer.alloc(32 * 1024 * 1024)));
    expect((await stuck).timeout).toBe(7);
  });

  test("a loop captures what is in force where it pulls", async () => {
    const listener = await loopback();
    await netClient(listener.port);
    await withParameters({ readTimeout: 22 }, async () => {
      for await (const connection of listener) {
        expect((await timeoutError(keep(connection).read())).timeout).toBe(22);
        break;
      }
    });
  });

  test("is not affected by later changes of the parameters", async () => {
    const listener = await loopback({ readTimeout: 23 });
    await netClient(listener.port);
    const connection = keep(await listener.accept());
    const error = await withParameters({ readTimeout: 24 }, () => timeoutError(connection.read()));
    expect(error.timeout).toBe(23);
  });
});

test("accept of a closed listener rejects with ERR_CLOSED, whatever its timeout", async () => {
  const listener = await loopback();
  await listener.close();
  for (const options of [{}, { timeout: 0 }, { timeout: 100 }, { signal: new AbortController().signal }]) {
    const error = await netError(listener.accept(options));
    expect(error).toMatchObject({ code: "ERR_CLOSED", operation: "accept", name: "NetError" });
  }
});

test("a client that came while the program was busy is accepted although the time is up", async () => {
  const listener = await loopback();
  const accepting = listener.accept({ timeout: 50 });
  keep(createConnection(listener.port, "127.0.0.1"));
  await new Promise<void>((resolve) => process.nextTick(resolve));
  for (const end = performance.now() + 100; performance.now() < end;);
  keep(await accepting);
});
