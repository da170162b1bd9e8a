import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect as tlsConnect, TLSSocket } from "node:tls";
import { HANDSHAKE_TIMEOUT_MS, Pipeline, type StepResult, type Step } from "../../src/accept/arrival.js";
import { AcceptQueue, type Arrival } from "../../src/accept/queue.js";
import { Servers } from "../../src/accept/server.js";
import { Addresses } from "../../src/address/addresses.js";
import { connectionOver } from "../../src/connection.js";
import { adopt } from "../../src/core/transport/adopt.js";
import { takeOver } from "../../src/core/transport/kernel.js";
import type { Transport } from "../../src/core/transport/transport.js";
import { listenerOf } from "../../src/listener.js";
import { settingsOf } from "../../src/options/connection.js";
import { SELF_SIGNED } from "../support/certificates.js";
import { onManualClock } from "../support/manual-clock.js";
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
  settle(outcome?: StepResult): void;
  fail(error: Error): void;
}

/** A step in which every client waits for the test. */
function gate() {
  const waiting: Waiting[] = [];
  const step: Step = (client, signal) =>
    new Promise<StepResult>((resolve, reject) => {
      waiting.push({ client, signal, settle: resolve, fail: reject });
    });
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
  const passed: Step = () => undefined;
  test.each([
    ["none", []],
    ["two", [passed, passed]],
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
    expect(pipeline.refused.size).toBe(0);
  });

  test("is followed by the next step, which sees what it has made", async () => {
    const first = gate();
    const second = gate();
    const seen: Arrival[] = [];
    const look: Step = (client) => {
      seen.push(client);
      return undefined;
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
    ["rejects", () => Promise.reject(new Error("no"))],
  ];
  test.each(failing)("whose step %s is reset and counted, and the next one gets through", async (_, fail) => {
    let first = true;
    const { listener, pipeline, port } = await listenThrough([
      (client, signal) => {
        if (!first) return undefined;
        first = false;
        return fail(client, signal);
      },
    ]);
    const accepting = listener.accept();
    expect(await endOfClient(port)).toBe("ECONNRESET");
    await clientNamed(port, "next");
    expect(await keep(await accepting).readLine()).toBe("next");
    expect([...pipeline.refused]).toEqual([["failed", 1]]);
    expect(listener.dropped).toBe(0);
  });

  test("that a step refuses is reset, counted by the reason, and takes no further step", async () => {
    let further = 0;
    const refuse: Step = ({ addresses }) => ({ refused: `from ${addresses.remoteAddress}` });
    const later: Step = async () => {
      await turn();
      return { refused: "late" };
    };
    const note: Step = () => {
      further++;
      return undefined;
    };
    const one = await listenThrough([refuse, note]);
    const two = await listenThrough([later, note]);
    expect(await endOfClient(one.port)).toBe("ECONNRESET");
    expect(await endOfClient(one.port)).toBe("ECONNRESET");
    expect(await endOfClient(two.port)).toBe("ECONNRESET");
    expect([...one.pipeline.refused]).toEqual([["from 127.0.0.1", 2]]);
    expect([...two.pipeline.refused]).toEqual([["late", 1]]);
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
      expect([...pipeline.refused]).toEqual([["timeout", 1]]);
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
    const read: Step = (client, signal) => {
      client.socket.resume();
      return step(client, signal);
    };
    const { listener, pipeline, port } = await listenThrough([read]);
    const client = await netClient(port);
    await until(() => waiting.length === 1);
    client.resetAndDestroy();
    await until(() => pipeline.underWay === 0);
    expect(waiting[0]?.signal.aborted).toBe(true);
    expect([...pipeline.refused]).toEqual([["left", 1]]);
    waiting[0]?.settle();
    for (let i = 0; i < 5; i++) await turn();
    expect(listener.pending).toBe(0);
  });

  test.each([
    ["before", true],
    ["after", false],
  ])("that the program destroys %s its steps begin never reaches accept()", async (_, before) => {
    const { step, waiting } = gate();
    const { listener, pipeline, port } = await listenThrough([() => undefined, step]);
    const destroy = (socket: Socket) => socket.destroy();
    if (before) listener.server.prependOnceListener("connection", destroy);
    else listener.server.once("connection", destroy);
    await endOfClient(port);
    await until(() => pipeline.refused.get("left") === 1);
    expect(waiting).toHaveLength(before ? 0 : 1);
    expect(pipeline.underWay).toBe(0);
    expect(listener.pending).toBe(0);
  });
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
    await turn();
    expect([late.resets, later.resets]).toEqual([1, 1]);
    expect(listener.pending).toBe(0);
    expect(pipeline.underWay).toBe(0);
  });

  test("is reset also when a later step fails, and a late rejection is not unhandled", async () => {
    const { step, at } = gate();
    const made = resettable();
    const { pipeline, port } = await listenThrough([() => ({ transport: made.transport }), step]);
    const end = endOfClient(port);
    (await at(0)).fail(new Error("no"));
    expect(await end).toBe("ECONNRESET");
    expect(made.resets).toBe(1);
    const ending = endOfClient(port);
    const left = await at(1);
    left.client.socket.destroy();
    await ending;
    await until(() => pipeline.underWay === 0);
    left.fail(new Error("too late"));
    for (let i = 0; i < 3; i++) await turn();
    expect([...pipeline.refused]).toEqual([
      ["failed", 1],
      ["left", 1],
    ]);
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
    expect(pipeline.refused.size).toBe(0);
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
    expect(pipeline.refused.size).toBe(0);
    waiting[0]?.settle();
    waiting[1]?.fail(new Error("late"));
    await nothingLeft();
    expect(listener).toMatchObject({ pending: 0, dropped: 0 });
  });

  test("from within a step resets the client of that step too", async () => {
    const closing: Promise<void>[] = [];
    const { listener, pipeline, port } = await listenThrough([
      () => {
        closing.push(listener.close());
        return undefined;
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
  const readHeader: Step = async ({ socket, addresses }, signal) => {
    const connection = connectionOver(takeOver(socket), addresses, settingsOf({}));
    const line = await connection.readLine({ limit: 107, signal });
    const [remoteAddress = "", port = ""] = line?.split(" ") ?? [];
    const { localAddress, localPort } = addresses;
    return {
      addresses: new Addresses({ remoteAddress, remotePort: Number(port), localAddress, localPort }),
      transport: adopt(connection.detach({ allowHalfOpen: true })),
    };
  };

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
    const handshake: Step = async ({ socket }, signal) => {
      const secure = new TLSSocket(socket, { isServer: true, ...SELF_SIGNED });
      secure.on("error", () => undefined);
      await once(secure, "secure", { signal });
      return { transport: adopt(secure) };
    };
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
    expect(pipeline.refused.size).toBe(1);
    await listener.close();
    expect(await silent).toBe("ECONNRESET");
  });
});

test("with steps of every outcome each client is accepted, refused or dropped, and none is left", async () => {
  const outcomes: (() => StepResult | Promise<StepResult>)[] = [
    () => undefined,
    async () => {
      await turn();
      return undefined;
    },
    () => ({ refused: "blocked" }),
    async () => {
      await turn();
      throw new Error("no");
    },
    () => new Promise(() => undefined),
  ];
  let came = 0;
  const { listener, pipeline, port } = await listenThrough(
    [() => outcomes[came++ % outcomes.length]?.(), () => undefined],
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
  const refused = [...pipeline.refused.values()].reduce((sum, count) => sum + count, 0);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length + refused + listener.dropped).toBe(50);
  expect([...pipeline.refused.keys()].sort()).toEqual(["blocked", "failed", "timeout"]);
  expect(pipeline.underWay).toBe(0);
  await listener.close();
  await accepting;
  await nothingLeft();
});
