/** node-redis takes no socket, so it connects to a relay of this library on a Unix socket. */
import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { createClient, RESP_TYPES } from "redis";
import { MEGABYTES, testClientsOf, type Client } from "../support/client-library.js";
import { LocalRelay } from "../support/local-relay.js";
import { LocalServer } from "../support/local-server.js";
import { describeWith, REDIS } from "../support/machine.js";
import { endPrograms } from "../support/program.js";
import { REDIS_SERVER, REDIS_TLS_SERVER } from "../support/redis.js";
import { ADVISED_SOURCES, tlsSources } from "../support/stream-sources.js";

const CASES = [
  { name: "node-redis and redis-server", recipe: REDIS_SERVER, sources: ADVISED_SOURCES },
  { name: "node-redis and redis-server over TLS", recipe: REDIS_TLS_SERVER, sources: tlsSources() },
];

describeWith(REDIS, "with redis-server", () => {
  describe.each(CASES)("$name", ({ recipe, sources }) => {
    let server: LocalServer;

    beforeAll(async () => {
      server = await LocalServer.create(recipe);
      await server.start();
    });

    afterAll(async () => {
      await server.remove();
      await endPrograms();
    });

    testClientsOf({
      server: () => ({ port: server.port, host: "127.0.0.1" }),
      sources,
      clientOfReady,
    });
  });
});

/** A client that connects again for the next request, and not by itself. */
function clientOfReady(open: () => Promise<Duplex>): Client {
  let relaying: Promise<LocalRelay> | undefined;
  let made: ReturnType<typeof clientAt> | undefined;

  async function run(use: (redis: ReturnType<typeof clientAt>) => Promise<void>): Promise<void> {
    const relay = await (relaying ??= LocalRelay.open(open));
    made ??= clientAt(relay.path);
    try {
      if (!made.isOpen) await made.connect();
      await use(made);
    } catch (error) {
      throw new Error("the request has failed", { cause: relay.takeFailure() ?? error });
    }
  }

  return {
    exchange: () =>
      run(async (redis) => {
        expect(String(await redis.ping("hello"))).toBe("hello");
      }),
    transfer: () =>
      run(async (redis) => {
        const bytes = randomBytes(MEGABYTES);
        await redis.set("bytes", bytes);
        const received = await redis.get("bytes");
        expect(received?.equals(bytes)).toBe(true);
      }),
    async close() {
      if (made?.isOpen === true) made.destroy();
      await (await relaying)?.[Symbol.asyncDispose]();
    },
  };
}

function clientAt(path: string) {
  const redis = createClient({ socket: { path, reconnectStrategy: false } });
  redis.on("error", () => undefined); // What waits is rejected as well.
  return redis.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
}
