import { subscribe, unsubscribe } from "node:diagnostics_channel";
import timersPromises, { setInterval as everyTime, setTimeout as sleep } from "node:timers/promises";
import { inspect, promisify } from "node:util";
import { gzip } from "node:zlib";
import { readFile } from "node:fs/promises";
import { connect, listen, resolve, serve, type Connection } from "../../../src/index.js";
import type { FakeClock } from "../../../src/testing/simulation/fake-timers.js";
import { SimulatedHost } from "../../../src/testing/simulation/host.js";
import { keyOf } from "../../../src/testing/simulation/packet.js";
import { simulate, type Host, type Network } from "../../../src/testing/index.js";
import { failure } from "../../support/outcomes.js";
import { loopback, closeAll } from "../../support/peers.js";

afterEach(closeAll);

/** Sends back all that comes. */
async function echo(connection: Connection): Promise<void> {
  for await (const chunk of connection) await connection.write(chunk);
}

/** Connections fail here on purpose. */
function onError(): void {
  // What has failed is looked at from the other end.
}

async function echoServer(host: Host, port = 7): Promise<void> {
  await host.run(async () => void serve(await listen(port, { readTimeout: Infinity }), echo, { onError }));
}

/** A conversation over a network that loses packets. */
async function conversation(seed: number): Promise<string> {
  return await simulate({ seed, latency: [1, 30] }, async (network) => {
    const [a, b] = [network.host("a"), network.host("b")];
    network.link(a, b, { loss: 0.05, jitter: 10 });
    await echoServer(b);
    const sent = Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 251));
    const received = await a.run(async () => {
      await using connection = await connect("b", 7);
      const [, all] = await Promise.all([
        connection.write(sent).then(() => connection.closeWrite()),
        connection.readAll(),
      ]);
      return all;
    });
    expect(received.equals(sent)).toBe(true);
    return network.log.join("\n");
  });
}

test("an echo comes back from another host, in order and unchanged, over a network that loses packets", async () => {
  const log = await conversation(1);
  expect(log).toContain("is lost");
  expect(log).toContain("a: is connected to 10.0.0.2:7");
});

test("the same seed gives the same log, another seed another one", async () => {
  const [first, again, other] = [await conversation(5), await conversation(5), await conversation(6)];
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

test("an hour passes in no time, for all that a program waits with", async () => {
  const before = process.hrtime.bigint();
  await simulate({ timeLimit: Infinity }, async (network) => {
    const [began, start] = [Date.now(), performance.now()];
    await new Promise((done) => setTimeout(done, 600_000));
    expect(network.now).toBe(600_000);
    await timersPromises.setTimeout(600_000);
    await timersPromises.scheduler.wait(600_000);
    await promisify(setTimeout)(600_000);
    const signal = AbortSignal.timeout(600_000);
    await new Promise((done) => signal.addEventListener("abort", done));
    expect(signal.reason).toMatchObject({ name: "TimeoutError" });
    let ticks = 0;
    await new Promise<void>((done) => {
      const interval = setInterval(() => {
        if (++ticks < 10) return;
        clearInterval(interval);
        done();
      }, 60_000);
    });
    const cleared = setTimeout(() => expect("never called").toBe(""), 1);
    clearTimeout(cleared);
    expect(network.now).toBe(3_600_000);
    expect(Date.now() - began).toBe(3_600_000);
    expect(performance.now() - start).toBe(3_600_000);
    expect(process.uptime()).toBe(3_600);
  });
  expect(process.hrtime.bigint() - before).toBeLessThan(60_000_000_000n);
  expect(Math.abs(Date.now() - new Date().getTime())).toBeLessThan(1_000);
});

/** How many timers of the machine keep the process alive. */
function realTimers(): number {
  return process.getActiveResourcesInfo().filter((type) => type === "Timeout").length;
}

/** Taken before any simulation. */
const { setTimeout: takenTimeout } = globalThis;
const takenSleep = promisify(setTimeout);
const takenSignal = AbortSignal.timeout.bind(AbortSignal);

test("timers go by virtual time also by functions that were taken before", async () => {
  const before = realTimers();
  await simulate({ timeLimit: Infinity }, async (network) => {
    await sleep(600_000);
    await takenSleep(600_000);
    await new Promise((done) => takenTimeout(done, 600_000));
    const signal = takenSignal(600_000);
    await new Promise((done) => signal.addEventListener("abort", done));
    let ticks = 0;
    for await (const tick of everyTime(600_000, "tick")) if (tick === "tick" && ++ticks === 6) break;
    expect(network.now).toBe(6_000_000);
    const controller = new AbortController();
    const aborted = failure(sleep(600_000, undefined, { signal: controller.signal }));
    clearTimeout(takenTimeout(() => expect("never called").toBe(""), 600_000));
    controller.abort();
    expect(await aborted).toMatchObject({ name: "AbortError" });
    expect(network.now).toBe(6_000_000);
    takenTimeout(() => expect("never called").toBe(""), 600_000);
  });
  expect(realTimers()).toBe(before);
});

test("within a partition connecting takes until the timeout, or as long as the kernel tries", async () => {
  await simulate({}, async (network) => {
    const [a, b] = [network.host("a"), network.host("b", { addresses: ["10.1.1.1"] })];
    await echoServer(b);
    network.partition(a, b);
    const timedOut = await failure(a.run(() => connect("b", 7, { timeout: 5_000 })));
    expect([timedOut, network.now]).toMatchObject([{ code: "ETIMEDOUT" }, 5_000]);
    const gaveUp = await failure(a.run(() => connect("b", 7)));
    expect([gaveUp, network.now]).toMatchObject([{ code: "ETIMEDOUT" }, 132_000]);
    network.heal(a, b);
    const refused = await failure(a.run(() => connect("b", 8)));
    expect(refused).toMatchObject({ code: "ECONNREFUSED" });
    expect(await failure(a.run(() => connect("10.9.9.9", 8)))).toMatchObject({ code: "EHOSTUNREACH" });
    expect(await failure(a.run(() => connect("nobody", 8)))).toMatchObject({ code: "ENOTFOUND" });
  });
});

test("hosts and networks are printed in one line", async () => {
  await simulate({ seed: 7 }, async (network) => {
    const [a, b] = [network.host("a"), network.host("b", { addresses: ["10.1.1.1"] })];
    await timersPromises.setTimeout(5_000);
    b.crash();
    expect(inspect(network)).toBe("Network of seed 7 { now: 5000, hosts: 'a, b' }");
    expect(inspect([a, b])).toBe(
      `[\n  Host a { addresses: '10.0.0.1, fd00::1', state: 'up' },\n  Host b { addresses: '10.1.1.1', state: 'crashed' }\n]`,
    );
    expect(inspect({ deeply: { a } }, { depth: 1 })).toContain("[Host]");
    // As `console.log` of the class itself does.
    for (const one of [a, network]) inspect(Object.getPrototypeOf(one), { showHidden: true });
  });
});

test("a name resolves to the addresses of its host, on every host", async () => {
  await simulate({}, async (network) => {
    const a = network.host("a");
    const b = network.host("b", { addresses: ["2001:db8::1", "203.0.113.1"] });
    const expected = [
      { address: "2001:db8::1", port: 80, family: 6 },
      { address: "203.0.113.1", port: 80, family: 4 },
    ];
    expect(await a.run(() => resolve("b", 80))).toEqual(expected);
    expect(await b.run(() => resolve("B.", 80, { family: 4 }))).toEqual(expected.slice(1));
    await echoServer(b, 80);
    const self = await b.run(() => connect("localhost", 80));
    expect(self.remoteAddress).toBe("::1");
    await self.close();
  });
});

/** A connection from `a` to an echo server on `b`. */
async function connected(network: Network): Promise<{ a: Host; b: Host; connection: Connection }> {
  const [a, b] = [network.host("a"), network.host("b")];
  await echoServer(b);
  const connection = await a.run(() => connect("b", 7, { readTimeout: Infinity, writeTimeout: Infinity }));
  await connection.writeLine("first");
  expect(await connection.readLine()).toBe("first");
  return { a, b, connection };
}

test("bytes that a partition has swallowed arrive once it is healed", async () => {
  await simulate({ seed: 3 }, async (network) => {
    const { a, b, connection } = await connected(network);
    network.partition(a, b);
    await connection.writeLine("second");
    await timersPromises.setTimeout(60_000);
    expect(await failure(connection.readLine({ timeout: 0 }))).toMatchObject({ code: "ETIMEDOUT" });
    network.heal(a, b);
    expect(await connection.readLine()).toBe("second");
    await connection.close();
  });
});

test("a partition that lasts ends a connection that writes, when the kernel gives up", async () => {
  await simulate({}, async (network) => {
    const { a, b, connection } = await connected(network);
    network.partition(a, b);
    const start = network.now;
    await connection.writeLine("second");
    expect(await failure(connection.readLine())).toMatchObject({ operation: "read", code: "ETIMEDOUT" });
    expect(network.now - start).toBeGreaterThan(900_000);
    expect(network.now - start).toBeLessThan(1_000_000);
  });
});

test.each([
  // Node has the kernel ask ten times, once a second.
  ["after a delay", { delay: 30_000 }, { delay: 30_000, asking: 10 * 1_000 }],
  // Of the kernel's own: after two hours, and then nine times, every 75 s.
  ["by itself", {}, { delay: 7_200_000, asking: 9 * 75_000 }],
])(
  "keep-alive that begins %s ends a connection that only reads",
  async (_how, keepAlive, { delay, asking }) => {
    await simulate({ timeLimit: Infinity }, async (network) => {
      const { b, connection } = await connected(network);
      connection.setKeepAlive(keepAlive);
      await timersPromises.setTimeout(300_000);
      expect(connection.toJSON().state).toBe("open");
      b.crash();
      const start = network.now;
      expect(await failure(connection.readLine())).toMatchObject({ code: "ETIMEDOUT" });
      // The peer was silent before the crash, too, but for its answers to such questions.
      expect(network.now - start).toBeGreaterThanOrEqual(asking);
      expect(network.now - start).toBeLessThanOrEqual(delay + asking);
    });
  },
);

test("keep-alive asks nothing while bytes are not acknowledged: the kernel gives up on these much later", async () => {
  await simulate({}, async (network) => {
    const { b, connection } = await connected(network);
    connection.setKeepAlive({ delay: 30_000 });
    b.crash();
    const start = network.now;
    await connection.writeLine("second");
    expect(await failure(connection.readLine())).toMatchObject({ code: "ETIMEDOUT" });
    expect(network.now - start).toBeGreaterThan(900_000);
  });
});

test("a host that has crashed is silent; once it is up again, it resets what was open", async () => {
  await simulate({}, async (network) => {
    const { a, b, connection } = await connected(network);
    const forever = b.run(() => new Promise(() => undefined));
    b.crash();
    expect(await failure(forever)).toMatchObject({ code: "ERR_HOST_CRASHED" });
    expect(await failure(b.run(() => undefined))).toMatchObject({ code: "ERR_HOST_CRASHED" });
    await connection.writeLine("second");
    expect(await failure(connection.readLine({ timeout: 10_000 }))).toMatchObject({ code: "ETIMEDOUT" });
    b.restart();
    expect(await failure(connection.readLine())).toMatchObject({ code: "ECONNRESET" });
    expect(await failure(a.run(() => connect("b", 7)))).toMatchObject({ code: "ECONNREFUSED" });
    await echoServer(b);
    await (await a.run(() => connect("b", 7))).close();
  });
});

test("a host that stalls gets its bytes and timers afterwards", async () => {
  await simulate({}, async (network) => {
    const { b, connection } = await connected(network);
    const fired: number[] = [];
    void b.run(() => setTimeout(() => fired.push(network.now), 100));
    const start = network.now;
    b.stall(10_000);
    await connection.writeLine("second");
    expect(await connection.readLine()).toBe("second");
    expect(network.now - start).toBeGreaterThanOrEqual(10_000);
    expect(fired).toEqual([start + 10_000]);
    await connection.close();
  });
});

test("while a server stalls its queue fills; the clients beyond it are taken when there is room again", async () => {
  await simulate({}, async (network) => {
    const [a, b] = [network.host("a"), network.host("b", { addresses: ["10.1.1.1"] })];
    await b.run(async () => void serve(await listen(7, { backlog: 2 }), echo));
    b.stall(10_000);
    const clients = Array.from({ length: 6 }, () => a.run(() => connect("b", 7)));
    const connections = await Promise.all(clients);
    expect(network.log.join("\n")).toContain("has no room");
    for (const connection of connections) await connection.close();
  });
});

test("an address in use is refused", async () => {
  await simulate({}, async (network) => {
    const [a, b] = [network.host("a"), network.host("b", { addresses: ["10.1.1.1"] })];
    await echoServer(b);
    expect(await failure(b.run(() => listen(7)))).toMatchObject({ code: "EADDRINUSE" });
    expect(await failure(b.run(() => listen("10.9.9.9:7")))).toMatchObject({ code: "EADDRNOTAVAIL" });
    await a.run(() => connect("b", 7, { localPort: 5_000 }));
    expect(await failure(a.run(() => connect("b", 7, { localPort: 5_000 })))).toMatchObject({
      code: "EADDRNOTAVAIL",
    });
  });
});

test("a body that waits for what can never happen is told which host waits for what, and the seed", async () => {
  const error = await failure(
    simulate({ seed: 42 }, async (network) => {
      const [a, b] = [network.host("a"), network.host("b")];
      void b.run(async () => {
        const connection = await (await listen(7)).accept();
        await connection.readLine({ timeout: Infinity });
      });
      await a.run(async () => {
        const connection = await connect("b", 7);
        await connection.readLine({ timeout: Infinity });
      });
    }),
  );
  expect(error).toMatchObject({ code: "ERR_DEADLOCK" });
  const { message } = error as Error;
  expect(message).toMatch(/a: reads from 10\.0\.0\.2:7/);
  expect(message).toMatch(/b: reads from 10\.0\.0\.1:\d+, listens on \[::\]:7/);
  expect(message).toMatch(/\(seed 42\)$/);
});

test("a body that a partition keeps waiting is told which hosts are cut off", async () => {
  const error = await failure(
    simulate({}, async (network) => {
      const { a, b, connection } = await connected(network);
      network.host("c");
      network.partition(b, a);
      connection.setKeepAlive(false);
      await connection.readLine();
    }),
  );
  expect((error as Error).message).toMatch(/a: reads from 10\.0\.0\.2:7, is cut off from b\n/);
  expect((error as Error).message).toMatch(
    /b: .*, is cut off from a\n {2}c: waits for nothing on the network /,
  );
});

test("a body that never ends is told so when its time is up", async () => {
  const forever = async (): Promise<void> => {
    for (;;) await timersPromises.setTimeout(1_000);
  };
  const error = await failure(simulate({ timeLimit: 10_000 }, forever));
  expect(error).toMatchObject({ code: "ERR_TIME_LIMIT" });
});

test("what the body throws comes through, and names the seed", async () => {
  const thrown = new RangeError("my own");
  const error = await failure(simulate({ seed: 9 }, () => Promise.reject(thrown)));
  expect(error).toBe(thrown);
  expect((error as Error).message).toBe("my own (seed 9)");
  expect((error as Error).stack).toContain("my own (seed 9)");
});

test("there is one simulation at a time, and the body itself is on no host", async () => {
  await simulate({}, async () => {
    expect(await failure(simulate({}, () => undefined))).toMatchObject({ code: "ERR_BUSY" });
    expect(await failure(connect("10.0.0.1", 7))).toMatchObject({ code: "ERR_NO_HOST" });
    expect(await failure(listen(7))).toMatchObject({ code: "ERR_NO_HOST" });
  });
  await simulate({}, () => undefined);
});

test("a function in place of the options is refused, and the error says where it belongs", async () => {
  const call = simulate as unknown as (body: () => void) => Promise<void>;
  const error = await failure(call(() => undefined));
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toContain("(the function that is simulated is the second argument)");
});

test("time stands still while files are read and bytes are compressed", async () => {
  await simulate({}, async (network) => {
    void new Promise((done) => setTimeout(done, 1));
    const bytes = await readFile(new URL(import.meta.url));
    await promisify(gzip)(Buffer.alloc(5_000_000, bytes));
    expect(network.now).toBe(0);
  });
});

test("code outside of the simulation keeps real sockets and real timers", async () => {
  const listener = await loopback();
  const outside = (async () => {
    await new Promise((done) => setTimeout(done, 1));
    const [client, accepted] = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
    await client.writeLine("real");
    const line = await accepted.readLine();
    await Promise.all([client.close(), accepted.close()]);
    return line;
  })();
  let isOver = false;
  void outside.then(() => (isOver = true));
  await simulate({ timeLimit: Infinity }, async () => {
    while (!isOver) await new Promise((done) => setTimeout(done, 1_000));
  });
  expect(await outside).toBe("real");
});

test("what a host cannot do is refused: Unix sockets, and ports that several servers share", async () => {
  await simulate({}, async (network) => {
    const a = network.host("a");
    const refused = await failure(a.run(() => listen({ path: "/tmp/simulated.sock" })));
    expect(refused).toMatchObject({ code: "ENOTSUP" });
    expect(String((refused as Error).cause)).toMatch(/simulated hosts have no Unix sockets/);
    const shared = await failure(a.run(() => listen(7, { reusePort: true })));
    expect(["ENOTSUP", "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM"]).toContain((shared as { code?: string }).code);
  });
});

test("a stream that is detached within a write whose memory was given away is cut off", async () => {
  await simulate({}, async (network) => {
    const [a, b] = [network.host("a"), network.host("b")];
    const listener = await b.run(async () => await listen(7));
    const client = await a.run(async () => await connect("b", 7));
    const server = await listener.accept();
    const memory = Buffer.alloc(8 * 1024 * 1024);
    const writing = failure(client.write(memory));
    structuredClone(memory.buffer, { transfer: [memory.buffer] });
    const stream = (await a.run(() => client.detach())).end();
    expect(await writing).toMatchObject({ code: "ERR_CLOSED" });
    await client.closed;
    expect(stream.destroyed).toBe(true);
    expect(await failure(server.readAll({ limit: Infinity }))).toMatchObject({ code: "ECONNRESET" });
    await listener.close();
  });
});

test("what has arrived while a host stalled comes before its timeouts", async () => {
  await simulate({}, async (network) => {
    const [a, b] = [network.host("a"), network.host("b")];
    const line = b.run(async () => {
      const accepted = await (await listen(7)).accept();
      const reading = accepted.readLine({ timeout: 5_000 });
      b.stall(10_000);
      return await reading;
    });
    await timersPromises.setTimeout(1);
    const connection = await a.run(() => connect("b", 7));
    await timersPromises.setTimeout(7_000);
    await connection.writeLine("in the meantime");
    expect(await line).toBe("in the meantime");
  });
});

test("the timeout of a read waits while its host stalls, and never comes on a host that has crashed", async () => {
  await simulate({}, async (network) => {
    const [a, b] = [network.host("a"), network.host("b")];
    const ends: string[] = [];
    for (const [host, port] of [
      [a, 7],
      [b, 8],
    ] as const) {
      const run = host.run(async () => {
        const accepted = await (await listen(port)).accept();
        const error = await failure(accepted.readLine({ timeout: 5_000 }));
        ends.push(
          `${host.name} ${(error as { code: string }).code} ${network.now > 20_000 ? "late" : "early"}`,
        );
      });
      run.catch(onError);
    }
    await timersPromises.setTimeout(1);
    await a.run(() => connect("b", 8));
    await b.run(() => connect("a", 7));
    await timersPromises.setTimeout(100);
    a.stall(30_000);
    b.crash();
    await timersPromises.setTimeout(60_000);
    expect(ends).toEqual(["a ETIMEDOUT late"]);
  });
});

test("code that a timeout of this library calls is on the host whose timeout it is", async () => {
  const real = await loopback();
  await simulate({}, async (network) => {
    const [a, b] = [network.host("a"), network.host("b")];
    const isCalled = new Promise((done) => {
      subscribe("tcp6:listener:refused", function called() {
        unsubscribe("tcp6:listener:refused", called);
        done(failure(connect("127.0.0.1", real.port)));
      });
    });
    await b.run(() => listen(7, { proxyProtocol: "require", handshakeTimeout: 1_000 }));
    const silent = await a.run(() => connect("b", 7));
    expect(await isCalled).toMatchObject({ code: "ECONNREFUSED" });
    expect(network.log.join("\n")).toContain("b: cannot connect to 127.0.0.1");
    silent.reset();
  });
  expect(real.pending).toBe(0);
});

test("code of the simulation that has lost its async context is on no host", async () => {
  const real = await loopback();
  await simulate({}, async (network) => {
    const lost = new Promise((done) => {
      // A timer that remembers no context.
      const { clock } = Date as unknown as { readonly clock: FakeClock };
      clock.setTimeout(() => done(failure(connect("127.0.0.1", real.port))), 1);
    });
    await network.host("a").run(async () => {
      expect(await lost).toMatchObject({ code: "ERR_NO_HOST" });
    });
  });
  expect(real.pending).toBe(0);
});

test("ports run out towards one address and port, and not towards others", async () => {
  await simulate({}, async (network) => {
    const [a, b] = [network.host("a"), network.host("b", { addresses: ["10.1.1.1"] })];
    await echoServer(b, 7);
    await echoServer(b, 8);
    const remote = { address: "10.1.1.1", port: 7 };
    if (!(a instanceof SimulatedHost)) throw new TypeError("not a simulated host");
    const { endpoints } = a;
    const inUse = { remote, isAutobound: true, receive: () => undefined, vanish: () => undefined };
    // All that the system chooses from, except one.
    for (let port = 32_768; port < 60_999; port++) {
      const local = { address: "10.0.0.1", port };
      endpoints.set(keyOf(local, remote), { ...inUse, local });
    }
    const last = await a.run(() => connect("b", 7));
    expect(last.localPort).toBe(60_999);
    expect(await failure(a.run(() => connect("b", 7)))).toMatchObject({ code: "EADDRNOTAVAIL" });
    await (await a.run(() => connect("b", 8))).close();
    await last.close();
  });
});
