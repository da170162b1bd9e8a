import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { relay, type Connection, type ConnectionOptions, type RelayOptions } from "../../index.js";
import { onManualClock } from "../manual-clock.js";
import { contractCase, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, timesOut, turn, until } from "./expectations.js";
import { clog, pattern } from "./payloads.js";
import type { PairMaker } from "./run-case.js";

const DAY_MS = 86_400_000;

/** A client and a server with a relay between them, and the two connections that it relays. */
interface Route {
  readonly client: Connection;
  readonly a: Connection;
  readonly b: Connection;
  readonly server: Connection;
  readonly relaying: Promise<[number, number]>;
  readonly resets: boolean;
  readonly endsAreTold: boolean;
}

interface RouteOptions extends RelayOptions {
  connections?: ConnectionOptions;
}

/** A case about a relay, all of which is gone afterwards. */
function onRoute(
  name: string,
  check: (route: Route) => Promise<void>,
  { connections, ...options }: RouteOptions = {},
): ContractCase {
  return contractCase(`relay: ${name}`, async (makePair) => {
    await check(await routeOf(makePair, options, connections));
  });
}

async function routeOf(
  makePair: PairMaker,
  options?: RelayOptions,
  connections?: ConnectionOptions,
): Promise<Route> {
  const [near, far] = await pairs(makePair, connections);
  const relaying = relay(near.b, far.a, options);
  relaying.catch(() => undefined);
  const { resets, endsAreTold } = near;
  return { client: near.a, a: near.b, b: far.a, server: far.b, relaying, resets, endsAreTold };
}

function pairs(makePair: PairMaker, options?: ConnectionOptions) {
  return Promise.all([makePair(options), makePair(options)]);
}

/** Two connections joined. */
export const relays: readonly ContractCase[] = [
  onRoute("passes on what comes, both ways, and counts it", async ({ client, server, relaying }) => {
    await client.write("question");
    assert.equal(text(await server.read()), "question");
    await server.writeLine("the answer");
    assert.equal(await client.readLine(), "the answer");
    await client.closeWrite();
    assert.equal(await server.read(), null);
    await server.closeWrite();
    assert.deepEqual(await relaying, [8, 11]);
    assert.equal(await client.read(), null);
    await Promise.all([client.closed, server.closed]);
  }),

  onRoute("megabytes both ways at once arrive whole", async ({ client, server, relaying, a, b }) => {
    const [there, back] = [pattern(5_000_000, 1), pattern(3_000_000, 2)];
    void client.write(there).then(() => client.closeWrite());
    void server.write(back).then(() => server.closeWrite());
    const [atServer, atClient] = await Promise.all([server.readAll(), client.readAll()]);
    sameBytes(atServer, there);
    sameBytes(atClient, back);
    assert.deepEqual(await relaying, [there.length, back.length]);
    await Promise.all([a.closed, b.closed]);
  }),

  onRoute(
    "a half-close is passed on, and the other direction goes on",
    async ({ client, server, relaying }) => {
      await client.write("all I have to say");
      await client.closeWrite();
      assert.equal((await server.readAll()).toString(), "all I have to say");
      await stillPending(relaying);
      for (const word of ["much", "to", "answer"]) {
        await server.writeLine(word);
        assert.equal(await client.readLine(), word);
      }
      await server.close();
      assert.deepEqual(await relaying, [17, 15]);
    },
  ),

  onRoute("what is unread before it begins is passed on", async ({ client, server }) => {
    await client.write("x");
    assert.equal(text(await server.read()), "x");
  }),

  contractCase("relay: goes on after a header that was read", async (makePair) => {
    const [near, far] = await pairs(makePair);
    await near.a.write("CONNECT there\nrest");
    assert.equal(await near.b.readLine(), "CONNECT there");
    const relaying = relay(near.b, far.a);
    assert.equal(text(await far.b.readExactly(4)), "rest");
    await Promise.all([near.a.closeWrite(), far.b.closeWrite()]);
    assert.deepEqual(await relaying, [4, 0]);
  }),

  onRoute("a reader that stops stops the writer at the other end", async ({ client, server }) => {
    const written = client.write(clog());
    await stillPending(written);
    assert.ok(server.readableLength <= 192 * 1024);
    sameBytes(await server.readExactly(clog().length), clog());
    await written;
  }),

  onRoute("a reset on one side resets the other", async ({ client, server, relaying, resets, a, b }) => {
    await client.write("x");
    await server.read();
    const waiting = server.read();
    client.reset();
    if (resets) {
      await fails(waiting, "ECONNRESET");
      assert.equal((await fails(relaying, "ECONNRESET")).operation, "read");
    } else {
      assert.equal(await waiting, null);
      await server.closeWrite();
      await Promise.allSettled([relaying]);
    }
    await Promise.allSettled([a.closed, b.closed]);
    assert.deepEqual([a.fd, b.fd], [undefined, undefined]);
  }),

  onRoute("a reset by the server reaches the client", async ({ client, server, relaying, resets }) => {
    const waiting = client.read();
    await stillPending(waiting);
    server.reset();
    if (resets) {
      await fails(waiting, "ECONNRESET");
      await fails(relaying, "ECONNRESET");
    } else assert.equal(await waiting, null);
  }),

  onRoute(
    "a server that answers and closes while the client still sends: the answer arrives",
    async ({ client, server, relaying }) => {
      const sending = (async () => {
        for (;;) {
          await client.write(pattern(10_000));
          await turn();
        }
      })();
      sending.catch(() => undefined);
      await server.readExactly(50_000);
      const answer = pattern(100_000, 7);
      await server.write(answer);
      await server.close({ timeout: 50 });
      sameBytes(await client.readExactly(answer.length), answer);
      await Promise.allSettled([relaying, client.close({ timeout: 50 })]);
      await Promise.allSettled([sending]);
    },
  ),

  ...[0, 50, Infinity].map((lingerTimeout) =>
    contractCase(
      `relay: a client that was answered early may go on sending for a lingerTimeout of ${lingerTimeout}`,
      (makePair) =>
        onManualClock(async (clock) => {
          const { client, server, b, relaying, resets } = await routeOf(makePair, {}, { lingerTimeout });
          if (!resets) return;
          await client.write("a request");
          assert.equal(text(await server.read()), "a request");
          await server.write("refused");
          await server.close({ timeout: 0 });
          assert.equal((await client.readAll()).toString(), "refused");
          const failures: unknown[] = [];
          b.closed.catch((error: unknown) => failures.push(error));
          await until(() => {
            void client.write("more");
            return failures.length > 0;
          });
          if (lingerTimeout > 0) await stillPending(relaying);
          if (lingerTimeout === 50) await clock.advance(50);
          if (lingerTimeout === Infinity) {
            await clock.advance(DAY_MS);
            await stillPending(relaying);
            await client.closeWrite();
          }
          assert.equal((await fails(relaying, "EPIPE", "ECONNRESET")).operation, "write");
        }),
    ),
  ),

  onRoute("a client that leaves before its answer comes stops the sending of it", async (route) => {
    const { client, server, b, relaying, endsAreTold } = route;
    await client.writeLine("please");
    client
      .detach()
      .on("error", () => undefined)
      .destroy();
    assert.equal(await server.readLine(), "please");
    if (endsAreTold) {
      // Its leaving was no end, but a failure, on either side.
      await fails(relaying, "ERR_TLS_TRUNCATED", "ECONNRESET");
      await fails(server.read(), "ECONNRESET");
      return;
    }
    assert.equal(await server.read(), null);
    const sending = (async () => {
      for (;;) await server.write(pattern(64 * 1024));
    })();
    const failing = fails(sending, "ECONNRESET", "EPIPE");
    await fails(relaying, "ECONNRESET", "EPIPE", "ERR_CLOSED");
    await failing;
    assert.ok(b.bytesRead < 64 * 1024 * 1024, String(b.bytesRead));
  }),

  onRoute("an abort rejects with its reason and resets both", async ({ client, server, resets, a, b }) => {
    const stop = new AbortController();
    const [error] = await Promise.all([
      rejection(relay(client, server, { signal: stop.signal })),
      (stop.abort("over"), turn()),
    ]);
    assert.equal(error, "over");
    await Promise.all([client.closed, server.closed]);
    if (resets) await Promise.all([a, b].map((end) => end.closed.catch(() => undefined)));
  }),

  contractCase("relay: a signal is listened to by one listener, which is taken off", async (makePair) => {
    const [near, far] = await pairs(makePair);
    const { signal } = new AbortController();
    const relaying = relay(near.b, far.a, { signal });
    await near.a.write("x");
    await far.b.read();
    assert.equal(getEventListeners(signal, "abort").length, 1);
    await Promise.all([near.a.closeWrite(), far.b.closeWrite()]);
    await relaying;
    assert.equal(getEventListeners(signal, "abort").length, 0);
  }),

  contractCase("relay: a signal that is aborted already leaves both as they were", async (makePair) => {
    const [near, far] = await pairs(makePair);
    const error = await rejection(relay(near.b, far.a, { signal: AbortSignal.abort("no") }));
    assert.equal(error, "no");
    await near.b.write("still here");
    assert.equal(text(await near.a.read()), "still here");
  }),

  contractCase("relay: a signal of AbortSignal.timeout() is a timeout", async (makePair) => {
    const [near, far] = await pairs(makePair);
    const error = await timesOut(relay(near.b, far.a, { signal: AbortSignal.timeout(10) }));
    assert.deepEqual([error.operation, (error.cause as Error).name], ["relay", "TimeoutError"]);
    await Promise.all([near.b.closed, far.a.closed]);
  }),

  contractCase("relay: silence in both directions for the idleTimeout ends it", (makePair) =>
    onManualClock(async (clock) => {
      const { client, server, relaying, a, b } = await routeOf(makePair, { idleTimeout: 150 });
      for (let n = 0; n < 4; n++) {
        const [from, to] = n % 2 === 0 ? [client, server] : [server, client];
        await from.write(".");
        assert.equal(text(await to.read()), ".");
        await clock.advance(100);
      }
      await stillPending(relaying);
      const ended = timesOut(relaying);
      await clock.advance(100);
      const error = await ended;
      assert.deepEqual([error.operation, error.timeout], ["relay", 150]);
      await Promise.allSettled([a.closed, b.closed]);
      assert.deepEqual([a.fd, b.fd], [undefined, undefined]);
    }),
  ),

  onRoute(
    "an idleTimeout of 0 has passed at once",
    async ({ relaying, a, b }) => {
      const error = await timesOut(relaying);
      assert.deepEqual([error.operation, error.timeout], ["relay", 0]);
      await Promise.allSettled([a.closed, b.closed]);
      assert.deepEqual([a.fd, b.fd], [undefined, undefined]);
    },
    { idleTimeout: 0 },
  ),

  onRoute(
    "the readTimeout and writeTimeout of the connections do not apply",
    async ({ client, server, relaying }) => {
      await rejection(client.read({ timeout: 120 }));
      await client.write("late");
      assert.equal(text(await server.read({ timeout: 5_000 })), "late");
      await stillPending(relaying);
    },
    { connections: { readTimeout: 30, writeTimeout: 30 } },
  ),

  contractCase(
    "relay: a connection that is being read is refused, and both are left as they were",
    async (makePair) => {
      const [near, far] = await pairs(makePair);
      const reading = far.a.readLine();
      assert.equal((await fails(relay(near.b, far.a), "ERR_BUSY")).operation, "relay");
      await far.b.write("for the reader\n");
      assert.equal(await reading, "for the reader");
      await near.a.write("usable");
      assert.equal(text(await near.b.read()), "usable");
    },
  ),

  onRoute("a close by the program ends it", async ({ a, client, relaying }) => {
    const closing = a.close();
    await fails(relaying, "ERR_CLOSED");
    // The relay has reset the other side of the client, perhaps before the client has closed its own.
    await Promise.allSettled([client.close(), closing]);
  }),

  contractCase("relay: wrong arguments are refused at once", async (makePair) => {
    const [near, far] = await pairs(makePair);
    const { a } = near;
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- a cast, in short
    const wrong = <T>(value: unknown) => value as T;
    const refused: (() => Promise<unknown>)[] = [
      () => relay(a, a),
      () => relay(wrong(undefined), a),
      () => relay(a, wrong({})),
      () => relay(a, far.a, wrong(5)),
      () => relay(a, far.a, { signal: wrong("x") }),
      () => relay(a, far.a, { idleTimeout: wrong("x") }),
    ];
    for (const call of refused) assert.ok((await rejection(call())) instanceof TypeError, String(call));
    assert.ok((await rejection(relay(a, far.a, { idleTimeout: -1 }))) instanceof RangeError);
    await a.write("usable");
    assert.equal(text(await near.b.read()), "usable");
  }),

  onRoute("many small messages arrive in order", async ({ client, server }) => {
    for (let n = 0; n < 300; n++) {
      void client.writeLine(String(n));
      if (n % 7 === 0) await turn();
    }
    for (let n = 0; n < 300; n++) assert.equal(await server.readLine(), String(n));
    await until(() => client.writableLength === 0);
  }),
];
