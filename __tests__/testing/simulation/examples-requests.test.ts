/**
 * The examples that share a connection between callers, on simulated hosts. No caller may ever get the reply of another one, however
 * many give up, and each one that fails is told whether its request may be sent again.
 */
import { Modbus } from "../../../examples/modbus-client.js";
import { redis, resp, type Command, type Reply } from "../../../examples/redis-client.js";
import { connect, framed, lengthPrefix, listen, NetError, serve, type Codec, type Connection } from "tcp6";
import type { Host, Network } from "../../../src/testing/index.js";
import { onBadNetwork, partition, sleep } from "../../support/bad-network.js";
import { startExample } from "../../support/simulated-program.js";

/** What handlers have failed with, but for what the network does to them. */
const mistakes: unknown[] = [];

function onError(error: unknown): void {
  if (!(error instanceof NetError)) mistakes.push(error);
}

afterEach(() => expect(mistakes).toEqual([]));

/** Serves on a host until the signal is aborted. */
function serveOn(
  host: Host,
  port: number,
  signal: AbortSignal,
  answer: (connection: Connection) => Promise<void>,
): Promise<void> {
  return host.run(async () => serve(await listen(port), answer, { signal, grace: 0, onError }));
}

/** How the calls of a test have ended. */
interface Tally {
  answered: number;
  readonly failures: NetError[];
}

/** Waits for a call that must resolve to `expected` and nothing else, or fail in a way of this library. */
async function settle(tally: Tally, call: Promise<unknown>, expected: unknown): Promise<void> {
  try {
    expect(await call).toEqual(expected);
    tally.answered++;
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    tally.failures.push(error);
  }
}

/** What the failures of a crash say: of each whether its request was sent, by an error of its own. */
function expectCrash(failures: readonly NetError[]): void {
  expect(failures.length).toBeGreaterThan(0);
  expect(new Set(failures).size).toBe(failures.length);
  for (const { code, written } of failures) {
    expect(["ECONNRESET", "ETIMEDOUT", "ERR_CLOSED"]).toContain(code);
    expect(["nothing", "partly"]).toContain(written);
  }
}

/** A device: each register has its address as its value. It answers in any order, late, and sometimes never. */
async function device(connection: Connection): Promise<void> {
  const frames = framed(connection, lengthPrefix({ offset: 4, bytes: 2, skip: 0 }), { limit: 260 });
  for await (const frame of frames) {
    if (Math.random() < 0.1) continue;
    void sleep(Math.random() * 300).then(async () => {
      const [address, count] = [frame.readUInt16BE(8), frame.readUInt16BE(10)];
      const reply = Buffer.alloc(9 + 2 * count);
      frame.copy(reply, 0, 0, 8);
      reply.writeUInt8(2 * count, 8);
      for (let at = 0; at < count; at++) reply.writeUInt16BE(address + at, 9 + 2 * at);
      await frames.send(reply).catch(() => undefined);
    });
  }
}

/** Calls that begin within half a second, and of which many give up. */
function callsTo(
  tally: Tally,
  read: (address: number, timeout: number) => Promise<unknown>,
): Promise<unknown> {
  const calls = Array.from({ length: 60 }, async (_, at) => {
    await sleep(Math.random() * 500);
    await settle(tally, read(at * 10, Math.random() < 0.4 ? 200 : 30_000), [at * 10, at * 10 + 1]);
  });
  return Promise.all(calls);
}

test("the Modbus client hands no reply to the wrong caller, through partitions and a crash", async () => {
  await onBadNetwork(["client", "device"], async (network, hosts) => {
    const stop = new AbortController();
    const served = serveOn(hosts.device, 502, stop.signal, device);
    await sleep(1);
    await hosts.client.run(async () => {
      const modbus = new Modbus(await connect("device", 502, { readTimeout: 60_000 }));
      const read = (address: number, timeout: number): Promise<number[]> =>
        modbus.readHoldingRegisters(1, address, 2, { timeout });
      const tally: Tally = { answered: 0, failures: [] };
      await Promise.all([callsTo(tally, read), partition(network, hosts.client, hosts.device, 3_000, 300)]);
      expect(tally.answered).toBeGreaterThan(20);
      expect(tally.failures.map(({ code }) => code)).toEqual(tally.failures.map(() => "ETIMEDOUT"));
      expect(tally.answered + tally.failures.length).toBe(60);
      await modbus.close();
    });
    const crashed: Tally = { answered: 0, failures: [] };
    await hosts.client.run(async () => {
      const modbus = new Modbus(await connect("device", 502));
      const calls = Array.from({ length: 20 }, (_, at) =>
        settle(crashed, modbus.readHoldingRegisters(1, at * 10, 2), [at * 10, at * 10 + 1]),
      );
      await sleep(150);
      hosts.device.crash();
      hosts.device.restart();
      // Nothing was on its way: the host is asked, and resets.
      await settle(crashed, modbus.readHoldingRegisters(1, 0, 2), [0, 1]);
      await Promise.all(calls);
      await modbus.close();
    });
    expectCrash(crashed.failures);
    await served.catch(() => undefined);
  });
});

/** As much of a Redis server as the tests need. */
async function redisServer(connection: Connection): Promise<void> {
  const values = new Map<string, string>();
  const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
  // To the eye of a client that reads replies, a command is a list of strings.
  const codec: Codec<Reply, string> = { decode: (bytes) => resp.decode(bytes), encode: String };
  const commands = framed(connection, codec);
  for await (const command of commands) {
    const [name, key = "", value = ""] = command as Command;
    await sleep(Math.random() * 10);
    if (name === "SET") values.set(key, value);
    if (name === "INCR") values.set(key, String(Number(values.get(key) ?? 0) + 1));
    if (name === "SUBSCRIBE") {
      await commands.send(`>3\r\n+subscribe\r\n+${key}\r\n:1\r\n`);
      await commands.send(`>3\r\n+message\r\n+${key}\r\n+hi\r\n`);
    } else if (name === "INCR") await commands.send(`:${String(values.get(key))}\r\n`);
    else if (name === "GET") await commands.send(bulk(values.get(key) ?? ""));
    else if (name === "ECHO") await commands.send(bulk(key));
    else await commands.send(name === "SET" ? "+OK\r\n" : "-ERR unknown command\r\n");
  }
}

async function echoes(
  network: Network,
  hosts: { readonly client: Host; readonly server: Host },
): Promise<void> {
  await hosts.client.run(async () => {
    await using client = redis(await connect("server", 6379));
    const tally: Tally = { answered: 0, failures: [] };
    const calls = Array.from({ length: 60 }, async (_, at) => {
      await sleep(Math.random() * 500);
      const timeout = Math.random() < 0.4 ? 150 : 60_000;
      await settle(tally, client.request(["ECHO", String(at)], { timeout }), String(at));
    });
    await Promise.all([...calls, partition(network, hosts.client, hosts.server, 3_000, 300)]);
    expect(tally.answered).toBeGreaterThan(20);
    expect(tally.failures.map(({ code }) => code)).toEqual(tally.failures.map(() => "ETIMEDOUT"));
  });
}

test("the Redis client hands no reply to the wrong caller, through partitions and a crash", async () => {
  await onBadNetwork(["client", "server"], async (network, { client, server }) => {
    const stop = new AbortController();
    let served = serveOn(server, 6379, stop.signal, redisServer);
    await sleep(1);
    await echoes(network, { client, server });
    const crashed: Tally = { answered: 0, failures: [] };
    await client.run(async () => {
      await using shared = redis(await connect("server", 6379));
      const ask = (at: number): Promise<void> =>
        settle(crashed, shared.request(["ECHO", String(at)]), String(at));
      const calls = Array.from({ length: 30 }, (_, at) => ask(at));
      await sleep(100);
      server.crash();
      server.restart();
      await Promise.all([...calls, ask(-1)]);
    });
    expectCrash(crashed.failures);
    await served.catch(() => undefined);
    served = serveOn(server, 6379, stop.signal, redisServer);
    await sleep(1);
    await echoes(network, { client, server });
    stop.abort();
    await served;
  });
});

test("the Redis program prints its replies in order through a partition, and what it has subscribed to", async () => {
  await onBadNetwork(["client", "server"], async (network, { client, server }) => {
    const stop = new AbortController();
    const served = serveOn(server, 6379, stop.signal, redisServer);
    const words = "SET name Ada , GET name , FLY , INCR visits , INCR visits".split(" ");
    // The program gives each of its calls 5 s: within that a packet could be lost again and again.
    network.link(client, server, { loss: 0 });
    network.partition(client, server);
    const program = startExample(client, "redis-client", "server:6379", ...words);
    await sleep(500);
    network.heal(client, server);
    await program.ended;
    expect(program.output).toEqual(["OK", "Ada", "ERR unknown command", "1", "2"]);
    const subscriber = startExample(client, "redis-client", "server:6379", "SUBSCRIBE", "news");
    await subscriber.says("hi");
    await sleep(10_000);
    subscriber.kill("SIGINT");
    await subscriber.ended;

    network.partition(client, server);
    const late = startExample(client, "redis-client", "server:6379", "GET", "name");
    await late.ended;
    expect(late.output).toEqual([expect.stringMatching(/^connect .*5000 ms/)]);
    expect(late.exitCode).toBe(1);
    network.heal(client, server);
    stop.abort();
    await served;
  });
});
