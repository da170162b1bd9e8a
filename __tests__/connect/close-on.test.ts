import { createHook } from "node:async_hooks";
import type { Socket } from "node:net";
import { duplexPair } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connect, Connection, connectTo, type ConnectOptions, type LookupFunction } from "../../src/index.js";
import { frozenServer, type FrozenServer } from "../support/frozen-server.js";
import { failure, isPending, netError, timeoutError, turn, until } from "../support/outcomes.js";
import { closeAll, keep, loopback, netClient, pair, socketPath } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";

let frozen: FrozenServer;
beforeAll(async () => {
  frozen = await frozenServer();
});
afterAll(() => frozen.close());
afterEach(closeAll);

const never: LookupFunction = () => undefined;

/** A signal as libraries have them that are older than `AbortSignal`. */
class ForeignSignal {
  aborted = false;
  readonly #listeners = new Set<() => void>();

  get listeners(): number {
    return this.#listeners.size;
  }

  addEventListener(_: string, listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_: string, listener: () => void): void {
    this.#listeners.delete(listener);
  }

  abort(): void {
    this.aborted = true;
    for (const listener of this.#listeners) listener();
  }
}

const asSignal = (foreign: object): AbortSignal => foreign as AbortSignal;

/** Settles when a socket is closed, with or without an error. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/** Ways to connect that cannot succeed by themselves. */
const HANGING: readonly (readonly [string, (options: ConnectOptions) => Promise<Connection>])[] = [
  ["a lookup that never answers", (options) => connect("never.test", 80, { ...options, lookup: never })],
  ["a server that never answers", (options) => connect("127.0.0.1", frozen.port, options)],
  [
    "a race of servers that never answer",
    (options) =>
      connectTo(
        [4, 6].map((family) => ({
          address: family === 4 ? "127.0.0.1" : "::ffff:127.0.0.1",
          port: frozen.port,
          family: family === 4 ? 4 : 6,
        })),
        { ...options, attemptDelay: 10 },
      ),
  ],
];

/** How many sockets `run` makes. */
async function socketsMadeBy(run: () => Promise<unknown>): Promise<number> {
  let made = 0;
  const hook = createHook({ init: (_, type) => (made += Number(type === "TCPWRAP" || type === "PIPEWRAP")) });
  hook.enable();
  try {
    await run();
  } finally {
    hook.disable();
  }
  return made;
}

describe.each(HANGING)("closeOn of a connect to %s", (_, hanging) => {
  test("rejects it with the signal's reason when it is aborted, and leaves nothing", async () => {
    const controller = new AbortController();
    const own = new AbortController();
    for (const options of [{}, { signal: own.signal }, { signal: controller.signal }, { timeout: 60_000 }]) {
      const { signal } = new AbortController();
      const closing =
        "signal" in options && options.signal === controller.signal ? controller : new AbortController();
      const connecting = hanging({ ...options, closeOn: closing.signal });
      expect(await isPending(connecting)).toBe(true);
      const reason = new Error("shutdown");
      const rejected = failure(connecting);
      closing.abort(reason);
      expect(await rejected).toBe(reason);
      expect([closing.signal, own.signal, signal].map(listenersOf)).toEqual([0, 0, 0]);
    }
    await nothingLeft(frozen.sockets);
  });

  test("leaves nothing when another end comes first", async () => {
    const { signal: closeOn } = new AbortController();
    const controller = new AbortController();
    const connecting = failure(hanging({ closeOn, signal: controller.signal }));
    await turn();
    const reason = new Error("not this one");
    controller.abort(reason);
    expect(await connecting).toBe(reason);
    expect([listenersOf(closeOn), listenersOf(controller.signal)]).toEqual([0, 0]);
    expect(await timeoutError(hanging({ closeOn, timeout: 20 }))).toMatchObject({ timeout: 20 });
    expect(listenersOf(closeOn)).toBe(0);
    await nothingLeft(frozen.sockets);
  });

  test("with AbortSignal.timeout() is a timeout, caused by its reason", async () => {
    const closeOn = AbortSignal.timeout(20);
    const { signal } = new AbortController();
    for (const options of [{ closeOn }, { closeOn, signal }]) {
      expect((await timeoutError(hanging(options))).cause).toBe(closeOn.reason);
    }
  });
});

test("connect and connectTo with a signal that was aborted reject with its reason, and make no socket", async () => {
  const reason = new Error("too late");
  const closeOn = AbortSignal.abort(reason);
  const { port } = await loopback();
  const { signal } = new AbortController();
  const path = socketPath();
  const made = await socketsMadeBy(async () => {
    for (const options of [{ closeOn }, { closeOn, signal }]) {
      expect(await failure(connect("127.0.0.1", port, options))).toBe(reason);
      expect(await failure(connect({ path }, options))).toBe(reason);
      expect(await failure(connectTo([{ address: "127.0.0.1", port, family: 4 }], options))).toBe(reason);
    }
  });
  expect(made).toBe(0);
  expect(await socketsMadeBy(async () => keep(await connect("127.0.0.1", port)))).toBeGreaterThan(0);
  expect(listenersOf(signal)).toBe(0);
});

test("closeOn outlives the connect, and its signal does not", async () => {
  const { port } = await loopback();
  const calling = new AbortController();
  const closing = new AbortController();
  const options = { signal: calling.signal, closeOn: closing.signal };
  const connection = keep(await connect("127.0.0.1", port, options));
  expect([listenersOf(calling.signal), listenersOf(closing.signal)]).toEqual([0, 1]);
  calling.abort();
  const reading = netError(connection.read());
  await turn();
  closing.abort();
  expect(await reading).toMatchObject({ code: "ERR_CLOSED" });
  await connection.closed;
});

test("Connection.from with a signal that was aborted gives a connection that is reset", async () => {
  const closeOn = AbortSignal.abort();
  const [one, other] = duplexPair();
  const { port } = await loopback();
  for (const stream of [one, await netClient(port)]) {
    const connection = Connection.from(stream, { closeOn });
    expect(await netError(connection.read())).toMatchObject({ code: "ERR_CLOSED" });
    expect(await netError(connection.write("x"))).toMatchObject({ code: "ERR_CLOSED", written: "nothing" });
    await connection.closed;
    expect(stream.destroyed).toBe(true);
  }
  other.destroy();
  expect(listenersOf(closeOn)).toBe(0);
});

describe("the connections of a listener", () => {
  test("have its closeOn, from accept() and from the loop", async () => {
    const controller = new AbortController();
    const listener = await loopback({ closeOn: controller.signal });
    const clients = [await netClient(listener.port), await netClient(listener.port)];
    const first = keep(await listener.accept());
    const accepted = [first];
    for await (const connection of listener) {
      accepted.push(keep(connection));
      break;
    }
    const failed = clients.map(closed);
    const reading = accepted.map((connection) => netError(connection.read()));
    await turn();
    controller.abort();
    for (const error of await Promise.all(reading)) expect(error).toMatchObject({ code: "ERR_CLOSED" });
    await Promise.all(failed);
    await listener.close();
    expect(listenersOf(controller.signal)).toBe(0);
  });

  test("hang nowhere when it is aborted while clients come, wait and are waited for", async () => {
    const controller = new AbortController();
    const listener = await loopback({ closeOn: controller.signal });
    const clients = await Promise.all(Array.from({ length: 6 }, () => netClient(listener.port)));
    const over = clients.map(closed);
    await until(() => listener.pending === 6);
    const early = keep(await listener.accept());
    const settling = Promise.allSettled(Array.from({ length: 8 }, () => listener.accept()));
    controller.abort();
    await early.closed;
    await listener.close();
    for (const each of await settling) {
      if (each.status === "rejected") expect(each.reason).toMatchObject({ code: "ERR_CLOSED" });
      else await each.value.closed;
    }
    await Promise.all(over);
    expect(listenersOf(controller.signal)).toBe(0);
  });
});

test("connections are reset in the order in which they were made, also where one of them throws", async () => {
  const signal = new ForeignSignal();
  const order: number[] = [];
  const connections = Array.from({ length: 4 }, (_, index) => {
    const [one] = duplexPair();
    const destroy = one.destroy.bind(one);
    one.destroy = () => {
      order.push(index);
      if (index === 1) throw new Error("this stream does not close");
      return destroy();
    };
    return Connection.from(one, { closeOn: asSignal(signal) });
  });
  expect(() => signal.abort()).toThrow("this stream does not close");
  expect(order).toEqual([0, 1, 2, 3]);
  for (const connection of connections) {
    expect(await netError(connection.read())).toMatchObject({ code: "ERR_CLOSED" });
  }
  await Promise.all(connections.map((connection) => connection.closed));
  expect(signal.listeners).toBe(0);
});

test("10 000 connections with one signal are watched by one listener, which goes with the last", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  const controller = new AbortController();
  const { signal: closeOn } = controller;
  const make = () => Connection.from(duplexPair()[0], { closeOn });
  const connections = Array.from({ length: 10_000 }, make);
  expect(listenersOf(closeOn)).toBe(1);
  const closed = connections.splice(0, 5_000);
  for (const connection of closed) connection.reset();
  await Promise.all(closed.map((connection) => connection.closed));
  expect(listenersOf(closeOn)).toBe(1);
  controller.abort();
  expect(listenersOf(closeOn)).toBe(0);
  await Promise.all(connections.map((connection) => connection.closed));
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
});

test("a signal that is never aborted keeps no connection that is over in memory", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const { signal } = new AbortController();
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  const open = Connection.from(duplexPair()[0], { closeOn: signal });
  await (async () => {
    for (let i = 0; i < 5; i++) {
      const { client, server } = await pair({ closeOn: signal });
      registry.register(server.socket, undefined);
      await Promise.all([client.close(), server.close()]);
    }
  })();
  await closeAll();
  await until(() => {
    gc();
    return collected === 5;
  });
  expect(listenersOf(signal)).toBe(1);
  open.reset();
});

describe("a signal that is none of Node's", () => {
  test("ends a connect, beside a signal of Node's or alone, and resets a connection", async () => {
    for (const signal of [undefined, new AbortController().signal]) {
      const foreign = new ForeignSignal();
      const connecting = failure(
        connect("never.test", 80, { lookup: never, closeOn: asSignal(foreign), signal }),
      );
      await turn();
      foreign.abort();
      expect(await connecting).toMatchObject({ name: "AbortError" });
      expect(foreign.listeners).toBe(0);
    }
    const foreign = new ForeignSignal();
    const { server } = await pair({ closeOn: asSignal(foreign) });
    expect(foreign.listeners).toBe(1);
    foreign.abort();
    await server.closed;
    expect(foreign.listeners).toBe(0);
  });

  test("is refused with its own error if it takes no listener, and leaves nothing", async () => {
    const error = new Error("no listeners here");
    const broken = asSignal(
      Object.assign(new ForeignSignal(), {
        addEventListener: () => {
          throw error;
        },
      }),
    );
    const { port } = await loopback();
    expect(await failure(connect("127.0.0.1", port, { closeOn: broken }))).toBe(error);
    const { signal } = new AbortController();
    expect(await failure(connect("127.0.0.1", port, { closeOn: broken, signal }))).toBe(error);
    expect(listenersOf(signal)).toBe(0);
    const [one] = duplexPair();
    expect(() => Connection.from(one, { closeOn: broken })).toThrow(error);
    expect(one.destroyed).toBe(true);
  });
});

test("the errors of a connection that was reset say nothing of the signal", async () => {
  const controller = new AbortController();
  const { server } = await pair({ closeOn: controller.signal });
  controller.abort(new Error("a secret"));
  const error = await netError(server.read());
  expect(error.message).not.toContain("secret");
  expect(error).not.toHaveProperty("cause");
});
