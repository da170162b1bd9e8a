/** Libraries that give up while the stream they were given still connects: by a deadline of their own, or asked to. */
import { once } from "node:events";
import { connect as netConnect, createServer, type AddressInfo, type Server } from "node:net";
import type { Duplex } from "node:stream";
import { AbstractConnector, Redis, type RedisOptions } from "ioredis";
import { MqttClient } from "mqtt";
import { createConnection } from "mysql2";
import pg from "pg";
import { Client as SshClient } from "ssh2";
import { connectDuplex, type LookupFunction } from "../../src/index.js";
import { asSocket } from "../support/client-library.js";
import type { Answer } from "../support/lookups.js";
import { isPending } from "../support/outcomes.js";
import { nothingLeft } from "../support/resources.js";
import { brief, emitted, noted } from "../support/sessions.js";

const DEADLINE_MS = 20;

interface Case {
  readonly name: string;
  /** Has the library wait for the stream to connect, and then give up. Resolves to what the library tells of it. */
  giveUp(stream: Duplex): Promise<unknown>;
  readonly tells: unknown;
}

const CASES: readonly Case[] = [
  {
    name: "pg's connectionTimeoutMillis",
    giveUp: (stream) => {
      const connecting = Object.assign(stream, { connect: () => stream });
      const client = new pg.Client({ connectionTimeoutMillis: DEADLINE_MS, stream: () => connecting });
      return client.connect().catch(brief);
    },
    tells: "timeout expired",
  },
  {
    name: "mysql2's connectTimeout",
    giveUp: (stream) => {
      const connection = createConnection({ connectTimeout: DEADLINE_MS, stream });
      return connection.promise().query("select 1").catch(brief);
    },
    tells: "ETIMEDOUT",
  },
  {
    name: "mqtt's connectTimeout",
    giveUp: async (stream) => {
      const client = new MqttClient(() => asSocket(stream), {
        connectTimeout: DEADLINE_MS,
        reconnectPeriod: 0,
      });
      const told = noted(client, "close");
      await emitted(client, "close");
      await client.endAsync(true);
      return told;
    },
    tells: ["error: connack timeout", "close"],
  },
  {
    name: "mqtt's end(true)",
    giveUp: async (stream) => {
      const client = new MqttClient(() => asSocket(stream), { reconnectPeriod: 0 });
      const told = noted(client, "end", "close");
      const closed = emitted(client, "close");
      await client.endAsync(true);
      await closed;
      return told;
    },
    tells: ["end", "close"],
  },
  {
    name: "ssh2's readyTimeout",
    giveUp: async (stream) => {
      const client = new SshClient();
      const told = noted(client, "end", "close");
      client.connect({ username: "me", readyTimeout: DEADLINE_MS, sock: stream });
      await emitted(client, "close");
      return told;
    },
    tells: ["error: Timed out while waiting for handshake", "close"],
  },
  {
    name: "ssh2's destroy()",
    giveUp: async (stream) => {
      const client = new SshClient();
      const told = noted(client, "end", "close");
      client.connect({ username: "me", sock: stream });
      client.destroy();
      await emitted(client, "close");
      return told;
    },
    tells: ["close"],
  },
  {
    name: "ioredis' connectTimeout",
    giveUp: async (stream) => {
      const redis = redisOver(stream, { connectTimeout: DEADLINE_MS });
      const told = noted(redis, "close", "end");
      const request = redis.get("key").catch(brief);
      await emitted(redis, "end");
      return [await request, ...told];
    },
    tells: ["Connection is closed.", "error: ETIMEDOUT", "close", "end"],
  },
  {
    name: "ioredis' disconnect()",
    giveUp: async (stream) => {
      const redis = redisOver(stream, {});
      const told = noted(redis, "close", "end");
      const request = redis.get("key").catch(brief);
      const ended = emitted(redis, "end");
      await isPending(request);
      redis.disconnect();
      await ended;
      return [await request, ...told];
    },
    tells: ["Connection is closed.", "close", "end"],
  },
];

function redisOver(stream: Duplex, options: Pick<RedisOptions, "connectTimeout">): Redis {
  class Connector extends AbstractConnector {
    declare protected stream: ReturnType<typeof asSocket>;

    constructor() {
      super(DEADLINE_MS);
    }

    connect() {
      this.stream = asSocket(stream);
      return Promise.resolve(this.stream);
    }
  }
  return new Redis({ Connector, retryStrategy: () => null, ...options });
}

/** What connects to a name when its lookup has answered. */
const SOURCES: readonly { name: string; open: (port: number, lookup: LookupFunction) => Duplex }[] = [
  {
    name: "net.connect",
    open: (port, lookup) => netConnect({ host: "server.test", port, lookup: lookup as never }),
  },
  { name: "connectDuplex", open: (port, lookup) => connectDuplex("server.test", port, { lookup }) },
];

describe.each(SOURCES)("over $name that still connects", ({ open }) => {
  let server: Server;
  let clients: number;

  beforeEach(async () => {
    clients = 0;
    server = createServer((socket) => {
      clients++;
      socket.destroy();
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  });

  afterEach(async () => {
    server.close();
    await nothingLeft();
  });

  test.each(CASES)("$name", async ({ tells, ...library }) => {
    let answer: Answer | undefined;
    const { port } = server.address() as AddressInfo;
    const stream = open(port, (_host, _request, answerer) => (answer = answerer));
    const closed = once(stream, "close").catch(brief);
    expect(await library.giveUp(stream)).toEqual(tells);
    await closed;
    expect(stream.destroyed).toBe(true);
    // It comes too late. Where the library gave up at once, there was no lookup.
    answer?.(null, [{ address: "127.0.0.1", family: 4 }]);
    await nothingLeft(1);
    expect(clients).toBe(0);
  });
});
