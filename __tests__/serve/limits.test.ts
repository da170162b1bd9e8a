import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { connect as netConnect, type Socket } from "node:net";
import { connect, listen, serve, type RefusedEvent } from "../../src/index.js";
import { isPending, turn, until } from "../support/outcomes.js";
import { closeAll, endOf, keep, netClient } from "../support/peers.js";
import { endServices, gate, service } from "../support/service.js";

afterEach(async () => {
  await endServices();
  await closeAll();
});

describe("concurrency", () => {
  test("has the other clients wait in the queue, unread, and serves them in their order", async () => {
    const { calls, handler } = gate();
    const { port, listener } = await service(handler, { concurrency: 2 });
    const clients = [];
    for (const name of ["a", "b", "c", "d"]) {
      const client = await netClient(port);
      client.write(`${name}\n`);
      clients.push(client);
      await until(() => listener.stats.accepted + listener.pending === clients.length);
    }
    expect(calls).toHaveLength(2);
    expect(listener.pending).toBe(2);
    calls[1]?.settle();
    await until(() => calls.length === 3);
    calls[0]?.settle();
    await until(() => calls.length === 4);
    const names = await Promise.all(calls.slice(2).map(({ connection }) => connection.readLine()));
    expect(names).toEqual(["c", "d"]);
    expect(listener.pending).toBe(0);
  });

  test("holds when handlers settle at once, throw or return, and never stands still", async () => {
    let atWork = 0;
    let most = 0;
    let served = 0;
    const { port } = await service(
      (connection) => {
        most = Math.max(most, ++atWork);
        served++;
        if (served % 3 === 0) {
          atWork--;
          throw new Error("no");
        }
        if (served % 3 === 1) {
          atWork--;
          return undefined;
        }
        return connection.write("hello").finally(() => atWork--);
      },
      { concurrency: 3 },
    );
    const ends = await Promise.all(
      Array.from({ length: 60 }, () => endOf(keep(netConnect(port, "127.0.0.1")))),
    );
    expect(served).toBe(60);
    expect(most).toBeLessThanOrEqual(3);
    expect(ends.filter((end) => end === "ECONNRESET").length).toBe(20);
  });

  test("counts a connection until what it has written is sent, not until the peer has closed", async () => {
    const { calls, handler } = gate();
    const { port } = await service(handler, { concurrency: 1 }, { lingerTimeout: 60_000 });
    const slow = keep(await connect("127.0.0.1", port, { readAhead: 0 }));
    await until(() => calls.length === 1);
    const [first] = calls;
    void first?.connection.write("x".repeat(30_000_000)).catch(() => undefined);
    await until(() => (first?.connection.writableLength ?? 0) > 0);
    first?.settle();
    const next = await netClient(port);
    await turn();
    expect(calls).toHaveLength(1);
    let taken = 0;
    while (taken < 30_000_000) taken += (await slow.read())?.length ?? Infinity;
    // The slow client has all, and keeps its own side open.
    await until(() => calls.length === 2);
    calls[1]?.settle();
    const another = await netClient(port);
    await until(() => calls.length === 3);
    expect([slow.toJSON().state, next.readyState, another.readyState]).toContain("open");
  });

  test("of Infinity bounds nothing", async () => {
    const { calls, handler } = gate();
    const { port } = await service(handler, { concurrency: Infinity });
    await Promise.all(Array.from({ length: 40 }, () => netClient(port)));
    await until(() => calls.length === 40);
  });
});

describe("perAddress", () => {
  const events: RefusedEvent[] = [];
  const note = (event: unknown): void => void events.push(event as RefusedEvent);
  beforeEach(() => {
    events.length = 0;
    subscribe("tcp6:listener:refused", note);
  });
  afterEach(() => unsubscribe("tcp6:listener:refused", note));

  /** A client with an address of its own; how it ends is not always of interest. */
  const from = (localAddress: string, port: number, host = "127.0.0.1") =>
    keep(netConnect({ port, host, localAddress })).on("error", () => undefined);

  test("resets, counts and publishes the clients of an address that are too many, and no others", async () => {
    const { calls, handler } = gate();
    const { port, listener } = await service(handler, { perAddress: 2 });
    from("127.0.0.2", port);
    from("127.0.0.2", port);
    await until(() => calls.length === 2);
    expect(await endOf(from("127.0.0.2", port))).toBe("ECONNRESET");
    from("127.0.0.3", port);
    await until(() => calls.length === 3);
    expect(listener.stats).toMatchObject({ accepted: 3, open: 3, dropped: 0, refused: { perAddress: 1 } });
    expect(events).toMatchObject([
      {
        reason: "perAddress",
        remoteAddress: "127.0.0.2",
        error: { operation: "accept", code: "ERR_LIMIT", address: "127.0.0.2" },
      },
    ]);
    expect(events[0]?.error.message).toMatch(
      /: perAddress: 2 connections of this address are open \(ERR_LIMIT\)$/,
    );
    calls[0]?.settle();
    await until(() => listener.stats.open === 2 || calls.length > 3);
    from("127.0.0.2", port);
    await until(() => calls.length === 4);
  });

  test("has room again when a handler fails, and when its peer resets the connection and it settles", async () => {
    const { calls, handler } = gate();
    const { port, errors, listener } = await service(handler, { perAddress: 1 });
    const first = from("127.0.0.2", port);
    await until(() => calls.length === 1);
    first.resetAndDestroy();
    calls[0]?.fail(new Error("no"));
    await until(() => errors.length === 1);
    from("127.0.0.2", port);
    await until(() => calls.length === 2);
    expect(listener.stats.refused.perAddress).toBe(0);
  });

  test("knows an IPv4 client of an IPv6 socket by its IPv4 address", async () => {
    const { calls, handler } = gate();
    const dual = keep(await listen(0, { host: "::" }));
    const stop = new AbortController();
    const done = serve(dual, handler, { perAddress: 1, signal: stop.signal, grace: 0 });
    from("127.0.0.2", dual.port);
    await until(() => calls.length === 1);
    from("::1", dual.port, "::1");
    await until(() => calls.length === 2);
    expect(await endOf(from("127.0.0.2", dual.port))).toBe("ECONNRESET");
    expect(calls.map(({ connection }) => connection.remoteAddress)).toEqual(["127.0.0.2", "::1"]);
    stop.abort();
    await done;
  });

  test("goes by the address that a PROXY header has", async () => {
    const { calls, handler } = gate();
    const { port } = await service(handler, { perAddress: 1 }, { proxyProtocol: "require" });
    const through = (source: string) =>
      from("127.0.0.1", port)
        .setNoDelay()
        .on("connect", function (this: Socket) {
          this.write(`PROXY TCP4 ${source} 198.51.100.2 56324 443\r\n`);
        });
    through("192.0.2.1");
    await until(() => calls.length === 1);
    expect(await endOf(through("192.0.2.1"))).toBe("ECONNRESET");
    through("192.0.2.2");
    await until(() => calls.length === 2);
    expect(events).toMatchObject([{ reason: "perAddress", remoteAddress: "192.0.2.1" }]);
  });

  test("is not for the clients of a balancer's Unix socket, which have no address", async () => {
    const { calls, handler } = gate();
    const { port } = await service(handler, { perAddress: 1 }, { proxyProtocol: "require" });
    const paths = Buffer.alloc(216);
    paths.write("/run/client.sock", 0);
    paths.write("/run/balancer.sock", 108);
    const head = Buffer.from([
      0x0d,
      0x0a,
      0x0d,
      0x0a,
      0,
      0x0d,
      0x0a,
      ...Buffer.from("QUIT\n"),
      0x21,
      0x31,
      0,
      216,
    ]);
    for (const count of [1, 2, 3]) {
      (await netClient(port)).write(Buffer.concat([head, paths]));
      await until(() => calls.length === count);
    }
    expect(calls.map(({ connection }) => connection.remoteAddress)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    for (const { settle } of calls) settle();
  });

  test("is asked when the turn of a client has come: with concurrency, clients of one address may wait", async () => {
    const { calls, handler } = gate();
    const { port, listener } = await service(handler, { perAddress: 1, concurrency: 2 });
    from("127.0.0.2", port);
    await until(() => calls.length === 1);
    from("127.0.0.3", port);
    await until(() => calls.length === 2);
    const waiting = endOf(from("127.0.0.2", port));
    await until(() => listener.pending === 1);
    from("127.0.0.4", port);
    await until(() => listener.pending === 2);
    expect(await isPending(waiting)).toBe(true);
    calls[1]?.settle();
    expect(await waiting).toBe("ECONNRESET");
    await until(() => calls.length === 3);
    expect(calls[2]?.connection.remoteAddress).toBe("127.0.0.4");
    expect(listener.stats.refused.perAddress).toBe(1);
  });

  test("the counts of a flood add up", async () => {
    const { calls, handler } = gate();
    const { port, listener } = await service(handler, { perAddress: 5 });
    const ends: string[] = [];
    for (let i = 0; i < 100; i++) void endOf(from("127.0.0.2", port)).then((end) => ends.push(end));
    await until(() => ends.length === 95);
    expect(calls).toHaveLength(5);
    expect(listener.stats).toMatchObject({ accepted: 5, open: 5, refused: { perAddress: 95 } });
  });
});
