import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { AbstractConnector, Redis } from "ioredis";
import { asSocket, MEGABYTES, type Client } from "../support/client-library.js";
import type { LocalServer } from "../support/local-server.js";
import { testLibraryWith } from "../support/library-of-server.js";
import { REDIS_SERVER, REDIS_TLS_SERVER } from "../support/redis.js";
import { emitted, noted, type Session } from "../support/sessions.js";
import { tlsSources } from "../support/stream-sources.js";

let server: LocalServer;

/** A client whose connections are over streams of `open`. */
function redisOver(open: () => Duplex, retryStrategy: () => number | null): Redis {
  class Connector extends AbstractConnector {
    declare protected stream: Socket;

    constructor(options: unknown) {
      super((options as { disconnectTimeout: number }).disconnectTimeout);
    }

    connect(): Promise<Socket> {
      this.stream = asSocket(open());
      return Promise.resolve(this.stream);
    }
  }
  // Without retries of its own a request fails with its connection, and does not wait for the next one.
  return new Redis({ Connector, retryStrategy, lazyConnect: true, maxRetriesPerRequest: 0 });
}

async function exchange(redis: Redis): Promise<void> {
  expect(await redis.ping("hello")).toBe("hello");
}

async function transfer(redis: Redis): Promise<void> {
  const bytes = randomBytes(MEGABYTES);
  await redis.set("bytes", bytes);
  const received = await redis.getBuffer("bytes");
  expect(received?.equals(bytes)).toBe(true);
}

/** A client that connects again by itself. */
function reconnectingClient(open: () => Duplex): Client {
  const redis = redisOver(open, () => 1);
  let told: unknown;
  redis.on("error", (error: unknown) => (told = error));
  return {
    exchange: () =>
      exchange(redis).catch((error: unknown) => {
        throw new Error("the request has failed", { cause: told ?? error });
      }),
    transfer: () => transfer(redis),
    close: () => redis.disconnect(),
  };
}

function sessionOver(stream: Duplex): Session {
  const redis = redisOver(
    () => stream,
    () => null,
  );
  return {
    exchange: () => exchange(redis),
    transfer: () => transfer(redis),
    async begin() {
      const id = await redis.client("ID");
      const request = redis.blpop("nothing comes here", 0);
      request.catch(() => undefined);
      const observer = new Redis(join(server.directory, "socket"));
      while (!String(await observer.client("LIST", "ID", id)).includes("flags=b")) continue;
      observer.disconnect();
      return { request };
    },
    told: noted(redis, "close", "end"),
    over: emitted(redis, "end"),
    close: () => redis.disconnect(),
  };
}

const closed = { request: "Connection is closed.", told: ["close", "end"] };
const truncated = { ...closed, told: ["error: ERR_TLS_TRUNCATED", "close", "end"] };

const library = {
  begin: (running: LocalServer) => {
    server = running;
  },
  clientOf: reconnectingClient,
  sessionOver,
  farewells: {
    stops: closed,
    "is killed": closed,
    "sends FIN": closed,
    "sends RST": { ...closed, told: ["error: ECONNRESET", "close", "end"] },
  },
  toldAtHalfOpenEnd: [],
};

testLibraryWith(REDIS_SERVER, "ioredis and redis-server", library);

testLibraryWith(REDIS_TLS_SERVER, "ioredis and redis-server over TLS", {
  ...library,
  sources: tlsSources(),
  // This server sends no close_notify when it is stopped.
  truncations: { stops: truncated, "is killed": truncated, "sends FIN": truncated },
});
