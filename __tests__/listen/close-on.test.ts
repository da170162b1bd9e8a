import { createConnection } from "node:net";
import { connect, listen, Listener, type ListenOptions } from "../../src/index.js";
import { failure, isPending, microtasks, netError, timeoutError, turn, until } from "../support/outcomes.js";
import { closeAll, endOf, keep, loopback, netClient, socketPath, unusedPort } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";

afterEach(closeAll);

async function refuses(port: number): Promise<boolean> {
  return netClient(port).then(
    () => false,
    () => true,
  );
}

describe("closeOn of a listener", () => {
  test("closes it when the signal is aborted, as close() does", async () => {
    const shutdown = new AbortController();
    const listener = await loopback({ closeOn: shutdown.signal }, await unusedPort());
    const waiting = endOf(await netClient(listener.port));
    await until(() => listener.pending === 1);
    expect(await isPending(listener.closed)).toBe(true);
    shutdown.abort();
    expect(listener.server.listening).toBe(false);
    await listener.closed;
    expect(await waiting).toBe("ECONNRESET");
    expect(await netError(listener.accept())).toMatchObject({ code: "ERR_CLOSED", operation: "accept" });
    expect(await refuses(listener.port)).toBe(true);
    await listener.close();
    expect(listenersOf(shutdown.signal)).toBe(0);
    keep(await listen(listener.port, { host: "127.0.0.1" }));
  });

  test("ends calls of accept and loops that wait", async () => {
    const shutdown = new AbortController();
    const listener = await loopback({ closeOn: shutdown.signal });
    const accepting = netError(listener.accept());
    const loop = (async () => {
      for await (const connection of listener) keep(connection);
    })();
    await turn();
    shutdown.abort();
    expect(await accepting).toMatchObject({ code: "ERR_CLOSED" });
    await loop;
  });

  test("resets the connections that were accepted, after the listener is closed", async () => {
    const shutdown = new AbortController();
    const listener = await loopback({ closeOn: shutdown.signal });
    const ends = [];
    const accepted = [];
    for (let n = 0; n < 3; n++) {
      ends.push(endOf(await netClient(listener.port)));
      accepted.push(keep(await listener.accept()));
    }
    const [first] = accepted;
    const reading = netError(first?.read() ?? Promise.resolve());
    expect(listenersOf(shutdown.signal)).toBe(1);
    shutdown.abort();
    expect(await Promise.all(ends)).toEqual(["ECONNRESET", "ECONNRESET", "ECONNRESET"]);
    expect(await reading).toMatchObject({ code: "ERR_CLOSED" });
    await Promise.all([listener.closed, ...accepted.map(({ closed }) => closed)]);
    expect(listenersOf(shutdown.signal)).toBe(0);
  });

  test("may be one signal for many listeners, which has one listener of its own", async () => {
    const shutdown = new AbortController();
    const listeners = [];
    for (let n = 0; n < 20; n++) listeners.push(await loopback({ closeOn: shutdown.signal }));
    expect(listenersOf(shutdown.signal)).toBe(1);
    await listeners[0]?.close();
    expect(listenersOf(shutdown.signal)).toBe(1);
    shutdown.abort();
    await Promise.all(listeners.map(({ closed }) => closed));
    expect(listenersOf(shutdown.signal)).toBe(0);
    await nothingLeft();
  });

  test.each<[string, (listener: Listener) => unknown]>([
    ["listener.close()", (listener) => listener.close()],
    ["listener.server.close()", (listener) => listener.server.close()],
  ])("leaves nothing on the signal once %s has closed it", async (_, close) => {
    const shutdown = new AbortController();
    const listener = await loopback({ closeOn: shutdown.signal });
    const client = await netClient(listener.port);
    const connection = keep(await listener.accept());
    close(listener);
    await listener.closed;
    // That of the connection, which goes on.
    expect(listenersOf(shutdown.signal)).toBe(1);
    client.write("still here\n");
    expect(await connection.readLine()).toBe("still here");
    connection.reset();
    await connection.closed;
    expect(listenersOf(shutdown.signal)).toBe(0);
  });

  test("closes the listener of a Unix socket and of a name, too", async () => {
    const shutdown = new AbortController();
    const listeners = [
      keep(await listen(socketPath(), { closeOn: shutdown.signal })),
      keep(await listen("localhost:0", { closeOn: shutdown.signal })),
      keep(await listen(0, { closeOn: shutdown.signal })),
    ];
    shutdown.abort();
    await Promise.all(listeners.map(({ closed }) => closed));
    await nothingLeft();
  });

  test("is not needed to stop listening while connections go on", async () => {
    const shutdown = new AbortController();
    const listener = await loopback();
    shutdown.signal.addEventListener("abort", () => void listener.close());
    const client = keep(await connect("127.0.0.1", listener.port));
    const connection = keep(await listener.accept());
    shutdown.abort();
    await listener.closed;
    await client.writeLine("still here");
    expect(await connection.readLine()).toBe("still here");
  });
});

describe("closeOn of a call of listen", () => {
  test("that was aborted before has it reject with the reason, and nothing listens", async () => {
    const port = await unusedPort();
    const reason = new Error("not today");
    const { signal } = new AbortController();
    const aborted = AbortSignal.abort(reason);
    for (const options of [{}, { signal }, { signal: aborted }] satisfies ListenOptions[]) {
      const error = await failure(listen(port, { ...options, host: "127.0.0.1", closeOn: aborted }));
      expect(error).toBe(reason);
      expect(await refuses(port)).toBe(true);
    }
    expect(listenersOf(signal)).toBe(0);
    await nothingLeft();
  });

  test("that a timer aborts has it reject with a NetTimeoutError", async () => {
    const closeOn = AbortSignal.timeout(1);
    await until(() => closeOn.aborted);
    const error = await timeoutError(listen("127.0.0.1:0", { closeOn }));
    expect(error).toMatchObject({ operation: "listen", cause: closeOn.reason as unknown });
  });

  test.each([undefined, new AbortController().signal])(
    "that is aborted at any moment leaves nothing listening (%#)",
    async (signal) => {
      const port = await unusedPort();
      const reason = new Error("changed my mind");
      const counts = { rejected: 0, closed: 0 };
      for (let moment = 0; moment <= 120; moment++) {
        const shutdown = new AbortController();
        const options = { host: "127.0.0.1", signal, closeOn: shutdown.signal };
        const outcome = listen(port, options).catch((error: unknown) => error);
        // First microtask by microtask, then turn by turn.
        if (moment === 120) await outcome;
        else if (moment < 100) await microtasks(moment);
        else for (let i = 100; i <= moment; i++) await turn();
        shutdown.abort(reason);
        const result = await outcome;
        if (result instanceof Listener) {
          counts.closed++;
          await result.closed;
        } else {
          counts.rejected++;
          expect(result).toBe(reason);
        }
        expect(listenersOf(shutdown.signal)).toBe(0);
        await nothingLeft();
      }
      if (signal !== undefined) expect(listenersOf(signal)).toBe(0);
      expect(counts.rejected).toBeGreaterThan(2);
      expect(counts.closed).toBeGreaterThan(0);
    },
  );

  test.each([1, 2, 3])("leaves nothing listening if the signal cannot be listened to (%i)", async (time) => {
    const fault = new Error("no listeners here");
    let times = 0;
    const closeOn = {
      aborted: false,
      addEventListener: () => {
        if (++times === time) throw fault;
      },
      removeEventListener: () => undefined,
    } as unknown as AbortSignal;
    expect(await failure(listen("127.0.0.1:0", { closeOn }))).toBe(fault);
    expect(times).toBe(time);
    await nothingLeft();
  });

  test("does not outlive a call that fails", async () => {
    const taken = await loopback();
    const [shutdown, stop] = [new AbortController(), new AbortController()];
    const options = { host: "127.0.0.1", closeOn: shutdown.signal, signal: stop.signal };
    expect(await netError(listen(taken.port, options))).toMatchObject({ code: "EADDRINUSE" });
    expect([shutdown, stop].map(({ signal }) => listenersOf(signal))).toEqual([0, 0]);
    shutdown.abort();
    const client = keep(createConnection(taken.port, "127.0.0.1"));
    expect(keep(await taken.accept()).remotePort).toBe(client.localPort);
  });
});
