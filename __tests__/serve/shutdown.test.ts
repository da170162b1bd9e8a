import { getEventListeners } from "node:events";
import { connect, listen, NetTimeoutError, serve, type Connection, type Handler } from "../../src/index.js";
import { LOCALHOST } from "../support/certificates.js";
import { onManualClock } from "../../src/testing/manual-clock.js";
import { isPending, turn, until } from "../support/outcomes.js";
import { closeAll, endOf, keep, loopback, netClient, unusedPort } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";
import { endServices, gate, service } from "../support/service.js";

afterEach(async () => {
  await endServices();
  await closeAll();
});

type Service = Awaited<ReturnType<typeof service>>;

async function refuses(port: number): Promise<boolean> {
  return netClient(port).then(
    () => false,
    () => true,
  );
}

test("an abort stops accepting at once, closes the port, and waits for the handlers", async () => {
  const { calls, handler } = gate();
  const { port, listener, stop, done } = await service(handler);
  const end = endOf(await netClient(port));
  await until(() => calls.length === 1);
  stop.abort();
  expect(listener.server.listening).toBe(false);
  await listener.closed;
  expect(await refuses(port)).toBe(true);
  expect(await isPending(done)).toBe(true);
  expect(calls[0]?.signal.aborted).toBe(false);
  await calls[0]?.connection.write("the answer");
  calls[0]?.settle();
  await done;
  expect(await end).toBe("end");
  expect(calls[0]?.signal.aborted).toBe(false);
  keep(await listen(port, { host: "127.0.0.1" }));
});

test("closing the listener does the same", async () => {
  const { calls, handler } = gate();
  const { port, listener, done } = await service(handler);
  const end = endOf(await netClient(port));
  await until(() => calls.length === 1);
  await listener.close();
  expect(await isPending(done)).toBe(true);
  calls[0]?.settle();
  await done;
  expect(await end).toBe("end");
});

test("a signal that keeps its listeners does not fail serve", async () => {
  const stop = new AbortController();
  stop.signal.removeEventListener = () => {
    throw new Error("for ever");
  };
  for (let times = 0; times < 2; times++) {
    const listener = await loopback();
    const done = serve(listener, () => undefined, { signal: stop.signal });
    await listener.close();
    await done;
  }
  const listener = await loopback();
  const done = serve(listener, () => undefined, { signal: stop.signal });
  stop.abort();
  await done;
  expect(listener.server.listening).toBe(false);
});

test("with nothing to wait for, serve resolves at once", async () => {
  const one = await service(() => undefined);
  one.stop.abort();
  await one.done;
  const two = await service(() => undefined);
  await two.listener.close();
  await two.done;
  await serve(two.listener, () => undefined);
  const three = await service(() => undefined);
  three.listener.server.close();
  await three.done;
});

test("a signal that was aborted before serves no client", async () => {
  const listener = await loopback();
  const end = endOf(await netClient(listener.port));
  await until(() => listener.pending === 1);
  let called = 0;
  const count: Handler = () => {
    called++;
  };
  await serve(listener, count, { signal: AbortSignal.abort() });
  expect(await end).toBe("ECONNRESET");
  expect(called).toBe(0);
  expect(listener.server.listening).toBe(false);
});

test("clients that wait in the queue are reset, unread", async () => {
  const { calls, handler } = gate();
  const { port, listener, stop, done } = await service(handler, { concurrency: 1 });
  const ends = [endOf(await netClient(port))];
  await until(() => calls.length === 1);
  ends.push(endOf(await netClient(port)));
  await until(() => listener.pending === 1);
  stop.abort();
  expect(await ends[1]).toBe("ECONNRESET");
  calls[0]?.settle();
  await done;
  expect(calls).toHaveLength(1);
  expect(await ends[0]).toBe("end");
});

test("after the grace, 10 s unless it is given, the signal is aborted and what is left is reset", () =>
  onManualClock(async (clock) => {
    const { calls, handler } = gate();
    const { port, stop, done } = await service(handler);
    const end = endOf(await netClient(port));
    await until(() => calls.length === 1);
    const [call] = calls;
    const states: string[] = [];
    call?.signal.addEventListener("abort", () => states.push(call.connection.toJSON().state));
    const reason = new Error("enough");
    stop.abort(reason);
    await turn();
    await clock.advance(9_999);
    expect(call?.signal.aborted).toBe(false);
    expect(await isPending(done)).toBe(true);
    await clock.advance(1);
    await done;
    expect(call?.signal.reason).toBe(reason);
    expect(states).toEqual(["open"]);
    expect(await end).toBe("ECONNRESET");
    await call?.connection.closed;
    expect(clock.pending).toBe(0);
  }));

describe("grace", () => {
  test("of 0 resets what is left at once, also if its handler never returns", async () => {
    const { calls, handler } = gate();
    const { port, stop, done, errors, listener } = await service(handler, { grace: 0 });
    const ends = [endOf(await netClient(port)), endOf(await netClient(port))];
    await until(() => calls.length === 2);
    stop.abort();
    await done;
    expect(listener.connections).toBe(0);
    expect(await Promise.all(ends)).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(errors).toEqual([]);
  });

  test("of Infinity waits for all handlers", () =>
    onManualClock(async (clock) => {
      const { calls, handler } = gate();
      const { port, stop, done } = await service(handler, { grace: Infinity });
      await netClient(port);
      await until(() => calls.length === 1);
      stop.abort();
      await turn();
      await clock.advance(10_000_000);
      expect(await isPending(done)).toBe(true);
      expect(calls[0]?.signal.aborted).toBe(false);
      calls[0]?.settle();
      await done;
    }));

  test("is also for a connection whose handler has settled and whose peer takes nothing", async () => {
    const { port, stop, done, listener, errors } = await service(
      (connection) => void connection.write("x".repeat(50_000_000)),
      { grace: 20 },
    );
    const client = await netClient(port);
    client.pause();
    await until(() => listener.stats.open === 1);
    stop.abort();
    await done;
    expect(listener.connections).toBe(0);
    expect(errors).toEqual([]);
  });

  test("gives the reason of a signal that is a timer's to the handlers' calls as a timeout", async () => {
    const failures: unknown[] = [];
    const handler: Handler = async (connection, { signal }) => {
      await connection.read({ signal }).catch((error: unknown) => failures.push(error));
    };
    const { port, done } = await service(handler, { signal: AbortSignal.timeout(50), grace: 0 });
    await netClient(port);
    await done;
    await until(() => failures.length === 1);
    expect(failures[0]).toBeInstanceOf(NetTimeoutError);
  });
});

test("after the listener was closed, the reason of the context's signal says so", async () => {
  const { calls, handler } = gate();
  const { port, listener, done } = await service(handler, { grace: 0 });
  await netClient(port);
  await until(() => calls.length === 1);
  await listener.close();
  await done;
  expect(calls[0]?.signal.reason).toMatchObject({
    name: "NetError",
    code: "ERR_CLOSED",
    operation: "accept",
  });
});

describe("aborted twice, serve does not wait", () => {
  test("for the grace when the closeOn of the listener is aborted", async () => {
    const { calls, handler } = gate();
    const force = new AbortController();
    const { port, stop, done, errors } = await service(
      async (connection, context) => {
        await Promise.race([handler(connection, context), connection.read()]);
      },
      { grace: Infinity },
      { closeOn: force.signal },
    );
    const end = endOf(await netClient(port));
    await until(() => calls.length === 1);
    stop.abort();
    expect(await isPending(done)).toBe(true);
    const reason = new Error("at once");
    force.abort(reason);
    await done;
    expect(calls[0]?.signal.reason).toBe(reason);
    expect(await end).toBe("ECONNRESET");
    await turn();
    expect(errors).toEqual([]);
  });

  test("when the signal emits 'abort' again", async () => {
    const { calls, handler } = gate();
    const { port, stop, done } = await service(handler, { grace: Infinity });
    const end = endOf(await netClient(port));
    await until(() => calls.length === 1);
    stop.abort();
    expect(await isPending(done)).toBe(true);
    stop.signal.dispatchEvent(new Event("abort"));
    await done;
    expect(await end).toBe("ECONNRESET");
  });

  test("but closing the listener, which a program may do as well, cuts no grace short", async () => {
    const { calls, handler } = gate();
    const { port, stop, done, listener } = await service(handler);
    await netClient(port);
    await until(() => calls.length === 1);
    void listener.close();
    stop.abort();
    void listener.close();
    expect(await isPending(done)).toBe(true);
    calls[0]?.settle();
    await done;
  });

  test("the closeOn of the listener alone ends everything at once", async () => {
    const { calls, handler } = gate();
    const force = new AbortController();
    const { port, done } = await service(handler, { grace: Infinity }, { closeOn: force.signal });
    await netClient(port);
    await until(() => calls.length === 1);
    force.abort();
    await done;
    expect(calls[0]?.signal.aborted).toBe(true);
  });
});

test("one signal stops any number of services, with one listener on it, and each abort is told to those that are left", async () => {
  const { calls, handler } = gate();
  const stop = new AbortController();
  const { signal } = stop;
  const services = [];
  for (let count = 0; count < 12; count++) services.push(await service(handler, { signal, grace: Infinity }));
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  const [first, second, ...others] = services as [Service, Service, ...Service[]];
  const ends = [endOf(await netClient(first.port)), endOf(await netClient(second.port))];
  await until(() => calls.length === 2);
  stop.abort();
  await Promise.all(others.map(({ done }) => done));
  calls.find(({ connection }) => connection.localPort === first.port)?.settle();
  await first.done;
  expect(await isPending(second.done)).toBe(true);
  signal.dispatchEvent(new Event("abort"));
  await second.done;
  expect(await Promise.all(ends)).toEqual(["end", "ECONNRESET"]);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("a client that was accepted in the very turn of the abort is served in its grace, or reset without", async () => {
  for (const grace of [0, 1_000]) {
    const called: Connection[] = [];
    const { port, stop, done, listener } = await service((connection) => void called.push(connection), {
      grace,
    });
    listener.server.once("connection", () => stop.abort());
    const end = endOf(await netClient(port));
    await done;
    expect(await end).toBe(called.length === 1 ? "end" : "ECONNRESET");
    expect(listener.connections).toBe(0);
  }
});

test("a connection that startTls has made, and one whose handshake is under way, are reset as well", async () => {
  const secured: Connection[] = [];
  let handshakes = 0;
  const { port, stop, done, errors, listener } = await service(
    async (connection) => {
      handshakes++;
      const secure = await connection.startTls({ isServer: true, ...LOCALHOST });
      secured.push(secure);
      await secure.read();
    },
    { grace: 0 },
  );
  const client = keep(await (await connect("127.0.0.1", port)).startTls({ rejectUnauthorized: false }));
  const silent = endOf(await netClient(port));
  await until(() => secured.length === 1 && handshakes === 2);
  stop.abort();
  await done;
  await secured[0]?.closed;
  expect(await silent).toBe("ECONNRESET");
  await expect(client.read()).rejects.toMatchObject({ code: "ECONNRESET" });
  await until(() => listener.connections === 0);
  expect(errors).toEqual([]);
});

test("a handler may stop serving itself, and two services of one listener end together", async () => {
  const listener = await loopback();
  const stop = new AbortController();
  const handler: Handler = async (connection) => {
    if ((await connection.readLine()) === "stop") stop.abort();
  };
  const both = [serve(listener, handler, { signal: stop.signal }), serve(listener, handler)];
  const client = keep(await connect("127.0.0.1", listener.port));
  await client.writeLine("stop");
  expect(await client.read()).toBe(null);
  await client.close();
  await Promise.all(both);
  await nothingLeft();
  expect(await unusedPort()).toBeGreaterThan(0);
});
