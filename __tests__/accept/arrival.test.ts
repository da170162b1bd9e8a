import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect as tlsConnect, TLSSocket } from "node:tls";
import {
  HANDSHAKE_TIMEOUT_MS,
  Pipeline,
  type Passage,
  type Replacement,
  type Step,
} from "../../src/accept/arrival.js";
import { AcceptQueue, type Arrival } from "../../src/accept/queue.js";
import { Servers } from "../../src/accept/server.js";
import { Addresses } from "../../src/address/addresses.js";
import { NetError, NetTimeoutError, type RefusedEvent } from "../../src/index.js";
import { connectionOver } from "../../src/connection.js";
import { adopt } from "../../src/core/transport/adopt.js";
import { takeOver } from "../../src/core/transport/kernel.js";
import type { Transport } from "../../src/core/transport/transport.js";
import { listenerOf } from "../../src/listener.js";
import { settingsOf } from "../../src/options/connection.js";
import { SELF_SIGNED } from "../support/certificates.js";
import { onManualClock } from "../../src/testing/manual-clock.js";
import { failure, isPending, turn, until } from "../support/outcomes.js";
import { closeAll, endOf, endOfClient, keep, netClient } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";

afterEach(closeAll);

/** A listener on the loopback whose clients take `steps`. `backlog` bounds the listener's queue; the kernel's has room. */
async function listenThrough(steps: readonly Step[], { timeout = HANDSHAKE_TIMEOUT_MS, backlog = 511 } = {}) {
  const queue = new AcceptQueue(backlog, undefined);
  const pipeline = new Pipeline(queue, steps, timeout);
  const subject = { text: "the listener" };
  const servers = new Servers(pipeline, {});
  await servers.bind({ where: { host: "127.0.0.1", port: 0 }, subject });
  const { port } = servers.first.address() as AddressInfo;
  const listener = keep(
    listenerOf(servers, [{ address: "127.0.0.1", port, family: 4 }], subject, {}, undefined),
  );
  return { listener, pipeline, port };
}

/** A client in a step, and how the test has the step settle. */
interface Waiting {
  readonly client: Arrival;
  readonly signal: AbortSignal;
  settle(replaced?: Replacement): void;
  fail(error: Error): void;
}

/** A step as that of TLS is: it says so in errors. */
function ofTls(step: Step): Step {
  return Object.assign(step, { operation: "tls" as const });
}

/** A step that lets its client go on. */
const pass: Step = (_, passage) => passage.proceed();

/** A step that waits for a promise. */
function stepOf(run: (client: Arrival, signal: AbortSignal) => Promise<Replacement>): Step {
  return (client, passage) => {
    run(client, passage.signal).then(
      (replaced) => passage.proceed(replaced),
      (error: unknown) => passage.refuse("handshake", error),
    );
  };
}

/** Which refusals a pipeline has counted. */
function refusals({ refused }: Pipeline): Record<string, number> {
  return Object.fromEntries(Object.entries(refused).filter(([, count]) => count > 0));
}

/** A step in which every client waits for the test. */
function gate() {
  const waiting: Waiting[] = [];
  const step: Step = (client, passage) => {
    const settle = (replaced?: Replacement) => passage.proceed(replaced);
    const fail = (error: Error) => passage.refuse("handshake", error);
    waiting.push({ client, signal: passage.signal, settle, fail });
  };
  return {
    step,
    waiting,
    /** The client that was the `index`th to come, once it is there. */
    at: async (index: number): Promise<Waiting> => {
      await until(() => waiting.length > index);
      return waiting[index] as Waiting;
    },
  };
}

/** A client that sends its name as its first line. */
async function clientNamed(port: number, name: string): Promise<Socket> {
  const client = await netClient(port);
  client.write(`${name}\n`);
  return client;
}

describe("without steps, and with steps that do not wait", () => {
  test.each([
    ["none", []],
    ["two", [pass, pass]],
  ])("(%s) a client is ready in the event of its arrival", async (_, steps) => {
    const { listener, pipeline, port } = await listenThrough(steps);
    const pending: number[] = [];
    listener.server.on("connection", () => pending.push(listener.pending));
    await clientNamed(port, "a");
    await until(() => pending.length === 1);
    expect(pending).toEqual([1]);
    expect(pipeline.underWay).toBe(0);
    expect(await keep(await listener.accept()).readLine()).toBe("a");
  });

  test("the client leaves no listener of its steps behind", async () => {
    const counts = async (steps: Step[]) => {
      const { listener, port } = await listenThrough(steps);
      const sockets: Socket[] = [];
      listener.server.on("connection", (socket: Socket) => sockets.push(socket));
      await netClient(port);
      await until(() => listener.pending === 1);
      const count = () => sockets[0]?.eventNames().map((name) => [name, sockets[0]?.listenerCount(name)]);
      const ready = count();
      keep(await listener.accept());
      return [ready, count()];
    };
    const { step, at } = gate();
    const counting = counts([step]);
    (await at(0)).settle();
    expect(await counting).toEqual(await counts([]));
  });
});

describe("a step that waits", () => {
  test("keeps its client from accept() until it settles, and loses none of its bytes", async () => {
    const { step, at } = gate();
    const { listener, pipeline, port } = await listenThrough([step]);
    const accepting = listener.accept();
    await clientNamed(port, "a");
    const waiting = await at(0);
    expect(await isPending(accepting)).toBe(true);
    expect(pipeline.underWay).toBe(1);
    expect(listener).toMatchObject({ pending: 0, acceptReady: false });
    waiting.settle();
    const connection = keep(await accepting);
    expect(pipeline.underWay).toBe(0);
    expect(await connection.readLine()).toBe("a");
    expect(waiting.signal.aborted).toBe(false);
  });

  test("holds up no other client: accept() gives them in the order in which they are ready", async () => {
    const { step, at } = gate();
    const { listener, pipeline, port } = await listenThrough([step]);
    for (const name of ["a", "b", "c"]) await clientNamed(port, name);
    const [a, b, c] = [await at(0), await at(1), await at(2)];
    c.settle();
    expect(await keep(await listener.accept()).readLine()).toBe("c");
    b.settle();
    await until(() => listener.pending === 1);
    a.settle();
    await until(() => listener.pending === 2);
    expect(await keep(await listener.accept()).readLine()).toBe("b");
    expect(await keep(await listener.accept()).readLine()).toBe("a");
    expect(refusals(pipeline)).toEqual({});
  });

  test("is followed by the next step, which sees what it has made", async () => {
    const first = gate();
    const second = gate();
    const seen: Arrival[] = [];
    const look: Step = (client, passage) => {
      seen.push(client);
      passage.proceed();
    };
    const { listener, port } = await listenThrough([first.step, second.step, look]);
    await netClient(port);
    const addresses = new Addresses({ remoteAddress: "192.0.2.1", remotePort: 1 });
    (await first.at(0)).settle({ addresses });
    expect((await second.at(0)).client).toMatchObject({ addresses, transport: null });
    second.waiting[0]?.settle();
    expect(keep(await listener.accept()).remoteAddress).toBe("192.0.2.1");
    expect(seen).toMatchObject([{ addresses }]);
  });
});

describe("a client", () => {
  const failing: [string, Step][] = [
    [
      "throws",
      () => {
        throw new Error("no");
      },
    ],
    ["fails", (_, passage) => passage.refuse("handshake", new Error("no"))],
    ["fails later", stepOf(() => Promise.reject(new Error("no")))],
  ];
  test.each(failing)("whose step %s is reset and counted, and the next one gets through", async (_, fail) => {
    let first = true;
    const { listener, pipeline, port } = await listenThrough([
      (client, passage) => {
        if (!first) {
          passage.proceed();
          return;
        }
        first = false;
        fail(client, passage);
      },
    ]);
    const accepting = listener.accept();
    expect(await endOfClient(port)).toBe("ECONNRESET");
    await clientNamed(port, "next");
    expect(await keep(await accepting).readLine()).toBe("next");
    expect(refusals(pipeline)).toEqual({ handshake: 1 });
    expect(listener.dropped).toBe(0);
  });

  test("that a step refuses is reset, counted by the reason, and takes no further step", async () => {
    let further = 0;
    const refuse: Step = (_, passage) => passage.refuse("blocked", new Error("no"));
    const later: Step = (_, passage) => {
      setImmediate(() => passage.refuse("perAddress", new Error("no")));
    };
    const note: Step = () => {
      further++;
    };
    const one = await listenThrough([refuse, note]);
    const two = await listenThrough([later, note]);
    expect(await endOfClient(one.port)).toBe("ECONNRESET");
    expect(await endOfClient(one.port)).toBe("ECONNRESET");
    expect(await endOfClient(two.port)).toBe("ECONNRESET");
    expect(refusals(one.pipeline)).toEqual({ blocked: 2 });
    expect(refusals(two.pipeline)).toEqual({ perAddress: 1 });
    expect(further).toBe(0);
    expect(one.pipeline.underWay + two.pipeline.underWay).toBe(0);
  });

  test("whose time is up after 10 s is reset and counted; a client that is ready is not affected", () =>
    onManualClock(async (clock) => {
      const { step, at } = gate();
      const { listener, pipeline, port } = await listenThrough([step]);
      await clientNamed(port, "in time");
      (await at(0)).settle();
      await until(() => listener.pending === 1);
      const end = endOfClient(port);
      const late = await at(1);
      await clock.advance(9_999);
      expect(pipeline.underWay).toBe(1);
      expect(late.signal.aborted).toBe(false);
      await clock.advance(1);
      expect(await end).toBe("ECONNRESET");
      expect(late.signal.aborted).toBe(true);
      expect(refusals(pipeline)).toEqual({ handshake: 1 });
      expect(clock.pending).toBe(0);
      expect(await keep(await listener.accept()).readLine()).toBe("in time");
    }));

  test("with endless time has no timer, and stays in its step", () =>
    onManualClock(async (clock) => {
      const { step, at } = gate();
      const { listener, pipeline, port } = await listenThrough([step], { timeout: Infinity });
      await clientNamed(port, "patient");
      const patient = await at(0);
      expect(clock.pending).toBe(0);
      await clock.advance(1_000_000);
      expect(pipeline.underWay).toBe(1);
      patient.settle();
      expect(await keep(await listener.accept()).readLine()).toBe("patient");
    }));

  test("that leaves during a step is dropped and counted", async () => {
    const { step, waiting } = gate();
    const read: Step = (client, passage) => {
      client.socket.resume();
      step(client, passage);
    };
    const { listener, pipeline, port } = await listenThrough([read]);
    const client = await netClient(port);
    await until(() => waiting.length === 1);
    client.resetAndDestroy();
    await until(() => pipeline.underWay === 0);
    expect(waiting[0]?.signal.aborted).toBe(true);
    expect(refusals(pipeline)).toEqual({ handshake: 1 });
    waiting[0]?.settle();
    for (let i = 0; i < 5; i++) await turn();
    expect(listener.pending).toBe(0);
  });

  test.each([
    ["before", true],
    ["after", false],
  ])("that the program destroys %s its steps begin never reaches accept()", async (_, before) => {
    const { step, waiting } = gate();
    const { listener, pipeline, port } = await listenThrough([pass, step]);
    const destroy = (socket: Socket) => socket.destroy();
    if (before) listener.server.prependOnceListener("connection", destroy);
    else listener.server.once("connection", destroy);
    await endOfClient(port);
    await until(() => pipeline.refused.handshake === 1);
    expect(waiting).toHaveLength(before ? 0 : 1);
    expect(pipeline.underWay).toBe(0);
    expect(listener.pending).toBe(0);
  });
});

describe("a client that was turned away", () => {
  test("may fail afterwards, when its step closes the socket in a way of its own", async () => {
    const turnedAway: Arrival[] = [];
    const { port } = await listenThrough([
      (client, passage) => {
        passage.refuse("handshake", new Error("no"), true);
        turnedAway.push(client);
      },
    ]);
    const ended = endOfClient(port);
    await until(() => turnedAway.length === 1);
    const socket = turnedAway[0]?.socket as Socket;
    // Not by `once`, which listens for errors itself.
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.destroy(new Error("the alert could not be sent"));
    expect(await closed).toBe(true);
    await ended;
  });

  test("has a signal that is aborted, also where its step asks for it only then", async () => {
    const aborted: boolean[] = [];
    const { port } = await listenThrough([
      (_, passage) => {
        passage.refuse("handshake", new Error("no"));
        aborted.push(passage.signal.aborted);
      },
    ]);
    expect(await endOfClient(port)).toBe("ECONNRESET");
    expect(aborted).toEqual([true]);
  });
});

describe("tcp6:listener:refused", () => {
  const CHANNEL = "tcp6:listener:refused";
  const events: RefusedEvent[] = [];
  const note = (event: unknown): void => void events.push(event as RefusedEvent);
  beforeEach(() => {
    events.length = 0;
    subscribe(CHANNEL, note);
  });
  afterEach(() => unsubscribe(CHANNEL, note));

  const steps: [string, Step, string, RegExp][] = [
    [
      "throws",
      () => failWith("EPROTO"),
      "EPROTO",
      /^tls 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+: no \(EPROTO\)$/,
    ],
    ["throws no error", () => failWith(null), "ERR_UNKNOWN", /: failed with null \(ERR_UNKNOWN\)$/],
    [
      "fails",
      (_, passage) => passage.refuse("handshake", new Error("no")),
      "ERR_UNKNOWN",
      /: no \(ERR_UNKNOWN\)$/,
    ],
    [
      "destroys its client",
      ({ socket }) => void socket.destroy(),
      "ECONNRESET",
      /: the peer ended the connection during the handshake \(ECONNRESET\)$/,
    ],
  ];

  function failWith(code: string | null): never {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- a step calls functions of the program
    throw code === null ? null : Object.assign(new Error("no"), { code });
  }

  test.each(steps)("tells of a client whose step %s", async (_, step, code, message) => {
    const { port } = await listenThrough([ofTls(step)]);
    void endOfClient(port);
    await until(() => events.length === 1);
    const [event] = events;
    expect(event).toMatchObject({ reason: "handshake", remoteAddress: "127.0.0.1" });
    expect(event?.remotePort).toBeGreaterThan(0);
    expect(event?.error).toBeInstanceOf(NetError);
    expect(event?.error).toMatchObject({
      code,
      operation: "tls",
      address: "127.0.0.1",
      port: event?.remotePort,
    });
    expect(event?.error.message).toMatch(message);
  });

  test("tells of a client that has left with what its socket has failed with", async () => {
    const { step, at } = gate();
    const { port } = await listenThrough([ofTls(step)]);
    const client = await netClient(port);
    const { socket } = (await at(0)).client;
    socket.resume();
    client.resetAndDestroy();
    await until(() => events.length === 1);
    expect(events[0]?.error).toMatchObject({ code: "ECONNRESET", operation: "tls", syscall: "read" });
  });

  test("tells of a client whose time is up", () =>
    onManualClock(async (clock) => {
      const { step, at } = gate();
      const { port } = await listenThrough([ofTls(step)], { timeout: 500 });
      await netClient(port);
      await at(0);
      await clock.advance(500);
      await until(() => events.length === 1);
      expect(events[0]?.error).toBeInstanceOf(NetTimeoutError);
      expect(events[0]?.error).toMatchObject({ operation: "tls", timeout: 500 });
    }));

  test("names the operation of the step in which the client was, or else accept", async () => {
    const first = gate();
    const second = gate();
    const { port } = await listenThrough([first.step, ofTls(second.step)]);
    for (let i = 0; i < 3; i++) await netClient(port);
    (await first.at(0)).settle();
    (await second.at(0)).fail(new Error("no"));
    (await first.at(1)).fail(new Error("no"));
    (await first.at(2)).client.socket.destroy();
    await until(() => events.length === 3);
    expect(events.map(({ error }) => error)).toMatchObject([
      { operation: "tls", code: "ERR_UNKNOWN" },
      { operation: "accept", code: "ERR_UNKNOWN" },
      { operation: "accept", code: "ECONNRESET" },
    ]);
    expect(events[2]?.error.message).toMatch(/: the client ended the connection \(ECONNRESET\)$/);
  });

  test("has an error whatever its step throws, a class or another function too", async () => {
    class Mistake extends Error {}
    const { port, pipeline } = await listenThrough([
      () => {
        throw Mistake;
      },
    ]);
    expect(await endOfClient(port)).toBe("ECONNRESET");
    expect(pipeline.refused.handshake).toBe(1);
    expect(events).toMatchObject([{ error: { code: "ERR_UNKNOWN", cause: Mistake } }]);
  });

  test("has the error that a step makes for it", async () => {
    const asked: string[] = [];
    const made = new NetError("no", { code: "ERR_BUSY", operation: "accept" });
    const maker = (subject: { text: string }): NetError => {
      asked.push(subject.text);
      return made;
    };
    const { port } = await listenThrough([(_, passage) => passage.refuseWith("blocked", maker)]);
    expect(await endOfClient(port)).toBe("ECONNRESET");
    expect(events).toMatchObject([{ reason: "blocked", error: made }]);
    expect(asked).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/)]);
  });

  test("tells of no client that is reset since the listener was closed, or for lack of room", async () => {
    const { step, at } = gate();
    const { listener, port } = await listenThrough([step], { backlog: 1 });
    const end = endOfClient(port);
    await at(0);
    expect(await endOfClient(port)).toBe("ECONNRESET");
    await listener.close();
    await end;
    expect(listener.stats).toMatchObject({ dropped: 1, refused: { handshake: 0 } });
    expect(events).toEqual([]);
  });

  test("makes no error while it has no subscriber", async () => {
    unsubscribe(CHANNEL, note);
    let asked = 0;
    const cause = Object.defineProperty(new Error("no"), "code", { get: () => asked++ });
    const { pipeline, port } = await listenThrough([(_, passage) => passage.refuse("handshake", cause)]);
    expect(await endOfClient(port)).toBe("ECONNRESET");
    subscribe(CHANNEL, note);
    expect(await endOfClient(port)).toBe("ECONNRESET");
    expect(pipeline.refused.handshake).toBe(2);
    expect(events).toHaveLength(1);
    expect(asked).toBe(1);
  });
});

test("a client that its step closes itself is counted, and gets what the step has sent", async () => {
  const { listener, port } = await listenThrough([
    ({ socket }, passage) => {
      socket.write("no", () => {
        socket.destroy();
        passage.refuse("handshake", new Error("no"), true);
      });
    },
  ]);
  const client = await netClient(port);
  let text = "";
  client.on("data", (chunk) => (text += String(chunk)));
  expect(await endOf(client)).toBe("end");
  expect(text).toBe("no");
  expect(listener.stats).toMatchObject({ accepted: 0, open: 0, dropped: 0, refused: { handshake: 1 } });
});

describe("a transport that a step returns when its client is gone", () => {
  /** A transport that only shows whether it was reset. */
  function resettable() {
    const shown = { resets: 0, transport: { reset: () => shown.resets++ } as unknown as Transport };
    return shown;
  }

  test("is reset, after the client's time and after the listener has closed", async () => {
    const { step, at } = gate();
    const { listener, pipeline, port } = await listenThrough([step], { timeout: 20 });
    await endOfClient(port);
    const late = resettable();
    (await at(0)).settle({ transport: late.transport });
    await netClient(port);
    const waiting = await at(1);
    await listener.close();
    const later = resettable();
    waiting.settle({ transport: later.transport });
    expect([late.resets, later.resets]).toEqual([1, 0]);
    await turn();
    expect([late.resets, later.resets]).toEqual([1, 1]);
    expect(listener.pending).toBe(0);
    expect(pipeline.underWay).toBe(0);
  });

  test("is reset also when a later step fails, and a late rejection is not unhandled", async () => {
    const { step, at } = gate();
    const made = resettable();
    const { pipeline, port } = await listenThrough([
      (_, passage) => passage.proceed({ transport: made.transport }),
      step,
    ]);
    const end = endOfClient(port);
    (await at(0)).fail(new Error("no"));
    expect(await end).toBe("ECONNRESET");
    await until(() => made.resets === 1);
    const ending = endOfClient(port);
    const left = await at(1);
    left.client.socket.destroy();
    await ending;
    await until(() => pipeline.underWay === 0);
    left.fail(new Error("too late"));
    for (let i = 0; i < 3; i++) await turn();
    expect(refusals(pipeline)).toEqual({ handshake: 2 });
  });
});

describe("room", () => {
  test("the clients under way and those ready together are at most as many as the backlog", async () => {
    const { step, at } = gate();
    const { listener, pipeline, port } = await listenThrough([step], { backlog: 2 });
    await clientNamed(port, "a");
    await clientNamed(port, "b");
    (await at(0)).settle();
    await until(() => listener.pending === 1 && pipeline.underWay === 1);
    expect(await endOfClient(port)).toBe("ECONNRESET");
    expect(listener.dropped).toBe(1);
    expect(refusals(pipeline)).toEqual({});
    expect(await keep(await listener.accept()).readLine()).toBe("a");
    await clientNamed(port, "c");
    (await at(2)).settle();
    expect(await keep(await listener.accept()).readLine()).toBe("c");
    expect(listener).toMatchObject({ dropped: 1, pending: 0 });
  });

  test("a call that waits makes room for one more client, which is dropped if the call gives up", async () => {
    const { step, at } = gate();
    const { listener, pipeline, port } = await listenThrough([step], { backlog: 0 });
    expect(await endOfClient(port)).toBe("ECONNRESET");
    const accepting = listener.accept();
    await clientNamed(port, "a");
    (await at(0)).settle();
    expect(await keep(await accepting).readLine()).toBe("a");
    expect(listener.dropped).toBe(1);
    const controller = new AbortController();
    const givenUp = failure(listener.accept({ signal: controller.signal }));
    const end = endOfClient(port);
    const left = await at(1);
    controller.abort();
    await givenUp;
    left.settle();
    expect(await end).toBe("ECONNRESET");
    expect(listener).toMatchObject({ dropped: 2, pending: 0 });
    expect(pipeline.underWay).toBe(0);
  });
});

describe("closing the listener", () => {
  test("resets the clients under way, aborts their steps, counts nothing and leaves nothing", async () => {
    const { step, at } = gate();
    const { listener, pipeline, port } = await listenThrough([step]);
    const ends = [endOfClient(port), endOfClient(port)];
    const waiting = [await at(0), await at(1)];
    await listener.close();
    expect(await Promise.all(ends)).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(waiting.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(waiting.map(({ client }) => client.socket.listenerCount("close"))).toEqual([0, 0]);
    expect(waiting.map(({ signal }) => listenersOf(signal))).toEqual([0, 0]);
    expect(pipeline.underWay).toBe(0);
    expect(refusals(pipeline)).toEqual({});
    waiting[0]?.settle();
    waiting[1]?.fail(new Error("late"));
    await nothingLeft();
    expect(listener).toMatchObject({ pending: 0, dropped: 0 });
  });

  test("from within a step resets the client of that step too", async () => {
    const closing: Promise<void>[] = [];
    const { listener, pipeline, port } = await listenThrough([
      (_, passage) => {
        closing.push(listener.close());
        passage.proceed();
      },
    ]);
    expect(await endOfClient(port)).toBe("ECONNRESET");
    await Promise.all(closing);
    expect(pipeline.underWay).toBe(0);
    expect(listener.pending).toBe(0);
    await nothingLeft();
  });
});

describe("real steps", () => {
  /** Reads a line with the client's own address, as a proxy would send it ahead. */
  const readHeader = stepOf(async ({ socket, addresses }, signal) => {
    const connection = connectionOver("accept", takeOver(socket), addresses, settingsOf({}));
    const line = await connection.readLine({ limit: 107, signal });
    const [remoteAddress = "", port = ""] = line?.split(" ") ?? [];
    const { localAddress, localPort } = addresses;
    return {
      addresses: new Addresses({ remoteAddress, remotePort: Number(port), localAddress, localPort }),
      transport: adopt(connection.detach({ allowHalfOpen: true })),
    };
  });

  test("a header that is read replaces the addresses, and what follows it is the connection's", async () => {
    const { listener, pipeline, port } = await listenThrough([readHeader], { timeout: 5_000 });
    const silent = await netClient(port);
    const client = await clientNamed(port, "192.0.2.7 4000\nhello");
    const connection = keep(await listener.accept());
    const addresses = { remoteAddress: "192.0.2.7", remotePort: 4000, localPort: port };
    expect(connection).toMatchObject({ ...addresses, family: 4 });
    expect(await connection.readLine()).toBe("hello");
    client.write("and more\n");
    expect(await connection.readLine()).toBe("and more");
    await connection.write("answer");
    expect(String((await once(client, "data"))[0])).toBe("answer");
    client.resetAndDestroy();
    const error = await failure(connection.read());
    expect(error).toMatchObject({ address: "192.0.2.7", port: 4000 });
    expect(pipeline.underWay).toBe(1);
    const end = endOf(silent);
    await listener.close();
    expect(await end).toBe("ECONNRESET");
  });

  test("a TLS handshake replaces the transport; clients that speak no TLS hold up no other", async () => {
    const handshake = stepOf(async ({ socket }, signal) => {
      const secure = new TLSSocket(socket, { isServer: true, ...SELF_SIGNED });
      secure.on("error", () => undefined);
      await once(secure, "secure", { signal });
      return { transport: adopt(secure) };
    });
    const { listener, pipeline, port } = await listenThrough([handshake]);
    const silent = endOfClient(port);
    const plain = await netClient(port);
    const end = endOf(plain);
    plain.write("GET / HTTP/1.0\r\n\r\n");
    const client = keep(tlsConnect({ port, host: "127.0.0.1", rejectUnauthorized: false }));
    client.write("hello\n");
    const connection = keep(await listener.accept());
    expect(await connection.readLine()).toBe("hello");
    await connection.write("answer");
    expect(String((await once(client, "data"))[0])).toBe("answer");
    expect(connection.remotePort).toBe(client.localPort);
    await end;
    await until(() => pipeline.underWay === 1);
    expect(refusals(pipeline)).toEqual({ handshake: 1 });
    await listener.close();
    expect(await silent).toBe("ECONNRESET");
  });
});

test("with steps of every outcome each client is accepted, refused or dropped, and none is left", async () => {
  const outcomes: ((passage: Passage) => unknown)[] = [
    (passage) => passage.proceed(),
    (passage) => setImmediate(() => passage.proceed()),
    (passage) => passage.refuse("blocked", new Error("no")),
    (passage) => setImmediate(() => passage.refuse("handshake", new Error("no"))),
    () => undefined,
  ];
  let came = 0;
  const { listener, pipeline, port } = await listenThrough(
    [(_, passage) => void outcomes[came++ % outcomes.length]?.(passage), pass],
    { timeout: 50, backlog: 20 },
  );
  const ends = Array.from({ length: 50 }, () => endOfClient(port));
  const names: number[] = [];
  const accepting = (async () => {
    for await (const connection of listener) {
      names.push(connection.remotePort ?? 0);
      connection.reset();
    }
  })();
  expect(await Promise.all(ends)).toEqual(Array(50).fill("ECONNRESET"));
  const refused = Object.values(pipeline.refused).reduce((sum, count) => sum + count, 0);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length + refused + listener.dropped).toBe(50);
  expect(Object.keys(refusals(pipeline)).sort()).toEqual(["blocked", "handshake"]);
  expect(pipeline.underWay).toBe(0);
  await listener.close();
  await accepting;
  await nothingLeft();
});
