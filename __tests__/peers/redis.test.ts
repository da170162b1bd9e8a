import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { connect, NetTimeoutError, type Connection, type ConnectOptions } from "../../src/index.js";
import { failure, until } from "../support/outcomes.js";
import { nothingLeft } from "../support/resources.js";
import { LocalServer } from "../support/local-server.js";
import { endPrograms } from "../support/program.js";
import { REDIS_SERVER } from "../support/redis.js";
import { ask, command, reply, type Reply } from "../support/resp.js";
import { describeWith, REDIS } from "../support/machine.js";

const SIZE = 8 * 1024 * 1024;

let server: LocalServer;

/** Ways to the server. */
const KINDS: readonly { name: string; open: (options?: ConnectOptions) => Promise<Connection> }[] = [
  { name: "TCP", open: (options) => connect("127.0.0.1", server.port, options) },
  { name: "a Unix socket", open: (options) => connect({ path: join(server.directory, "socket") }, options) },
];

describeWith(REDIS, "redis-server, by commands written by hand", () => {
  beforeEach(async () => {
    server = await LocalServer.create(REDIS_SERVER);
    await server.start();
  });

  afterEach(async () => {
    await server.remove();
    await endPrograms();
    await nothingLeft();
  });

  describe.each(KINDS)("over $name", ({ open }) => {
    test("every kind of reply", async () => {
      await using redis = await open();
      expect(await ask(redis, "SET", "city", "Zürich")).toBe("OK");
      expect(await ask(redis, "GET", "city")).toEqual(Buffer.from("Zürich"));
      expect(await ask(redis, "STRLEN", "city")).toBe(7);
      expect(await ask(redis, "GET", "nothing")).toBeNull();
      expect(await ask(redis, "SET", "empty", "")).toBe("OK");
      expect(await ask(redis, "MGET", "city", "nothing", "empty")).toEqual([
        Buffer.from("Zürich"),
        null,
        Buffer.alloc(0),
      ]);
      expect(await failure(ask(redis, "INCR", "city"))).toHaveProperty(
        "message",
        "-ERR value is not an integer or out of range",
      );
      expect(await ask(redis, "PING")).toBe("PONG");
    });

    test("any bytes, also those that end a line, megabytes of them", async () => {
      await using redis = await open();
      const value = randomBytes(SIZE);
      for (let at = 0; at < SIZE; at += 1000) value.write("\r\n$-1\r\n", at);
      expect(await ask(redis, "SET", "value", value)).toBe("OK");
      const received = await ask(redis, "GET", "value");
      expect(value.equals(received as Buffer)).toBe(true);
      expect(await ask(redis, "DEL", "value")).toBe(1);
    });

    test("a pipeline of a thousand commands, gathered", async () => {
      await using observer = await open();
      await using redis = await open({ bufferSize: 64 * 1024 });
      const before = await readsOf(observer);
      for (let i = 0; i < 1_000; i++) void redis.write(command("INCR", "count"));
      let count = 0;
      for await (const line of redis.lines()) {
        if (line !== `:${++count}`) throw new Error(`reply ${count} is ${line}`);
        if (count === 1_000) break;
      }
      expect(await ask(redis, "GET", "count")).toEqual(Buffer.from("1000"));
      // The kernel has been given them by a few calls: each is a few reads of 16 KiB.
      expect((await readsOf(observer)) - before).toBeLessThan(50);
    });

    test("a pipeline of a thousand commands, each with a reply of its own kind", async () => {
      await using redis = await open({ bufferSize: 64 * 1024 });
      const value = randomBytes(5_000);
      void redis.write(command("SET", "value", value));
      for (let i = 0; i < 999; i++) {
        void redis.write([command("GET", "value"), command("INCR", "count"), command("PING")][i % 3] ?? []);
      }
      expect(await reply(redis)).toBe("OK");
      const others: Reply[] = [];
      for (let i = 0; i < 999; i += 3) {
        const got = await reply(redis);
        if (!value.equals(got as Buffer)) throw new Error(`reply ${i} is another value`);
        others.push(await reply(redis), await reply(redis));
      }
      expect(others).toEqual(Array.from({ length: 333 }, (_, i) => [i + 1, "PONG"]).flat());
      expect(redis.readableLength).toBe(0);
    });

    test("commands that block: reads that time out consume nothing", async () => {
      await using worker = await open();
      await using boss = await open();
      await worker.write(command("BLPOP", "jobs", "0"));
      await expect(worker.readLine({ timeout: 20 })).rejects.toThrow(NetTimeoutError);
      await expect(worker.read({ timeout: 0 })).rejects.toThrow(NetTimeoutError);
      expect(await ask(boss, "RPUSH", "jobs", "dig")).toBe(1);
      await until(() => worker.readableLength > 0);
      await expect(worker.readExactly(1_000, { timeout: 20 })).rejects.toThrow(NetTimeoutError);
      await expect(worker.readUntil("no such thing", { timeout: 20 })).rejects.toThrow(NetTimeoutError);
      expect(await reply(worker)).toEqual([Buffer.from("jobs"), Buffer.from("dig")]);
    });

    test("a long value, read by calls that have a millisecond each", async () => {
      await using redis = await open();
      const value = randomBytes(SIZE);
      await ask(redis, "SET", "value", value);
      await redis.write(command("GET", "value"));
      expect(await redis.readLine()).toBe(`$${SIZE}`);
      let received: Buffer | undefined;
      while (received === undefined) {
        received = await redis.readExactly(SIZE, { timeout: 1 }).catch((error: unknown) => {
          if (!(error instanceof NetTimeoutError)) throw error;
          return undefined;
        });
      }
      expect(received.equals(value)).toBe(true);
      expect(await redis.readLine()).toBe("");
    });

    test("messages that come unasked", async () => {
      await using subscriber = await open();
      await using publisher = await open({ bufferSize: 64 * 1024 });
      expect(await ask(subscriber, "SUBSCRIBE", "news")).toEqual([
        Buffer.from("subscribe"),
        Buffer.from("news"),
        1,
      ]);
      const lines = subscriber.lines({ timeout: 20 });
      await expect(lines.next()).rejects.toThrow(NetTimeoutError);
      for (let i = 0; i < 500; i++) void publisher.write(command("PUBLISH", "news", `message ${i}`));
      const heard: string[] = [];
      for (let i = 0; i < 500; i++) heard.push(String(await reply(subscriber)));
      expect(heard).toEqual(Array.from({ length: 500 }, (_, i) => `message,news,message ${i}`));
      const receivers: Reply[] = [];
      for (let i = 0; i < 500; i++) receivers.push(await reply(publisher));
      expect(receivers).toEqual(Array(500).fill(1));
      await expect(subscriber.read({ timeout: 0 })).rejects.toThrow(NetTimeoutError);
    });

    test("a client that the server throws out is at the end of the stream", async () => {
      await using victim = await open();
      await using other = await open();
      const id = await ask(victim, "CLIENT", "ID");
      await victim.write(command("BLPOP", "jobs", "0"));
      const waiting = victim.read();
      expect(await ask(other, "CLIENT", "KILL", "ID", String(id as number))).toBe(1);
      expect(await waiting).toBeNull();
    });

    test("a server that is told to stop answers, and both have ended", async () => {
      await using redis = await open();
      await using idle = await open();
      expect(await ask(redis, "QUIT")).toBe("OK");
      expect(await redis.readLine()).toBeNull();
      await idle.write(command("SHUTDOWN", "NOSAVE"));
      expect(await idle.readLine()).toBeNull();
      const { status } = await server.ended;
      expect(status).toBe(0);
    });
  });
});

/** How many times the server has read from any client. */
async function readsOf(connection: Connection): Promise<number> {
  const info = (await ask(connection, "INFO", "stats")) as Buffer;
  return Number(/^total_reads_processed:(\d+)/m.exec(info.toString())?.[1]);
}
