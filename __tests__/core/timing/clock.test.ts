import { Duplex } from "node:stream";
import { connect, Connection, NetError, NetTimeoutError, relay } from "../../../src/index.js";
import { bounded } from "../../../src/core/timing/bounded.js";
import { clock as clockInUse, systemClock, useClock } from "../../../src/core/timing/clock.js";
import { ManualClock, onManualClock } from "../../../src/testing/manual-clock.js";
import { failure, isPending } from "../../support/outcomes.js";
import { closeAll, endOf, keep, loopback, netClient, pair } from "../../support/peers.js";

afterEach(async () => {
  useClock(systemClock);
  await closeAll();
});

const MINUTE_MS = 60_000;

/** Checks that a call times out when `ms` have passed on the clock, and not a millisecond earlier. */
async function expectTimeout(clock: ManualClock, ms: number, call: Promise<unknown>): Promise<void> {
  const outcome = failure(call);
  await clock.advance(ms - 1);
  expect(await isPending(outcome)).toBe(true);
  await clock.advance(1);
  expect(await outcome).toBeInstanceOf(NetTimeoutError);
}

/** A stream that takes no byte and brings none. */
function clogged(): Duplex {
  return new Duplex({ read: () => undefined, write: () => undefined });
}

describe("on a clock that is moved by hand", () => {
  test("a read times out", async () => {
    await onManualClock(async (clock) => {
      const { client } = await pair();
      await expectTimeout(clock, MINUTE_MS, client.read({ timeout: MINUTE_MS }));
    });
  });

  test("readTimeout begins anew with every byte", async () => {
    await onManualClock(async (clock) => {
      const listener = await loopback({ readTimeout: MINUTE_MS });
      const client = await netClient(listener.port);
      const server = keep(await listener.accept());
      const line = failure(server.readLine());
      for (let sent = 1; sent <= 3; sent++) {
        await clock.advance(MINUTE_MS - 1);
        client.write("x");
        while (server.bytesRead < sent) await isPending(line);
      }
      await expectTimeout(
        clock,
        MINUTE_MS,
        line.then((error) => Promise.reject(error as Error)),
      );
    });
  });

  test("a write times out, and so does one that waits behind it", async () => {
    await onManualClock(async (clock) => {
      const connection = Connection.from(clogged(), { writeTimeout: MINUTE_MS });
      const first = failure(connection.write("taken never"));
      await expectTimeout(clock, MINUTE_MS, connection.write("behind it"));
      expect(await first).toBeInstanceOf(NetTimeoutError);
      connection.reset();
    });
  });

  test("a closed connection waits for its peer's end as long as it lingers", async () => {
    await onManualClock(async (clock) => {
      const listener = await loopback({ lingerTimeout: MINUTE_MS });
      const client = await netClient({ port: listener.port, host: "127.0.0.1", allowHalfOpen: true });
      const closing = keep(await listener.accept()).close();
      await endOf(client);
      expect(await isPending(closing)).toBe(true);
      await clock.advance(MINUTE_MS - 1);
      expect(await isPending(closing)).toBe(true);
      await clock.advance(1);
      await closing;
    });
  });

  test("accept times out", async () => {
    await onManualClock(async (clock) => {
      const listener = await loopback({ acceptTimeout: MINUTE_MS });
      await expectTimeout(clock, MINUTE_MS, listener.accept());
      expect(clock.pending).toBe(0);
    });
  });

  test("a connect times out whose lookup never answers", async () => {
    await onManualClock(async (clock) => {
      const lookup = (): undefined => undefined;
      await expectTimeout(clock, MINUTE_MS, connect("silent.test", 80, { lookup, timeout: MINUTE_MS }));
      expect(clock.pending).toBe(0);
    });
  });

  test("a relay ends that has been idle", async () => {
    await onManualClock(async (clock) => {
      const [{ client: a }, { client: b }] = [await pair(), await pair()];
      await expectTimeout(clock, MINUTE_MS, relay(a, b, { idleTimeout: MINUTE_MS }));
      expect(clock.pending).toBe(0);
    });
  });

  test("the Duplex of a connection emits 'timeout' after a silence", async () => {
    await onManualClock(async (clock) => {
      const { client } = await pair();
      const silent = new Promise<void>((resolve) => client.duplex.setTimeout(MINUTE_MS, resolve));
      await clock.advance(MINUTE_MS - 1);
      expect(await isPending(silent)).toBe(true);
      await clock.advance(1);
      await silent;
    });
  });

  test("a wait that ends otherwise leaves no timer", async () => {
    await onManualClock(async (clock) => {
      const timeout = MINUTE_MS;
      await bounded("connect", { text: "nowhere" }, { timeout }, () => Promise.resolve());
      const controller = new AbortController();
      const { signal } = controller;
      const aborted = failure(
        bounded("connect", { text: "nowhere" }, { timeout, signal }, () => new Promise(() => undefined)),
      );
      controller.abort();
      await aborted;
      expect(clock.pending).toBe(0);
    });
  });
});

describe("when another clock takes the place of one", () => {
  test("what waits already goes on by the clock on which it began", async () => {
    const { client, server } = await pair();
    const soon = [failure(client.read({ timeout: 20 })), failure((await loopback()).accept({ timeout: 20 }))];
    const clock = new ManualClock();
    useClock(clock);
    for (const outcome of soon) expect(await outcome).toBeInstanceOf(NetTimeoutError);
    const { client: later } = await pair();
    const calls = [later.read({ timeout: MINUTE_MS }), (await loopback()).accept({ timeout: MINUTE_MS })];
    const outcomes = calls.map(failure);
    useClock(systemClock);
    // A connection's waits go by the clock it was made on.
    expect(await failure(server.read({ timeout: 20 }))).toBeInstanceOf(NetTimeoutError);
    for (const outcome of outcomes) expect(await isPending(outcome)).toBe(true);
    await clock.advance(MINUTE_MS);
    for (const outcome of outcomes) expect(await outcome).toBeInstanceOf(NetTimeoutError);
  });

  test("a wait is cancelled on the clock on which it began", async () => {
    const clock = new ManualClock();
    const listener = await loopback();
    useClock(clock);
    const accepting = failure(listener.accept({ timeout: MINUTE_MS }));
    useClock(systemClock);
    expect(clock.pending).toBe(1);
    await listener.close();
    expect(await accepting).toBeInstanceOf(NetError);
    expect(clock.pending).toBe(0);
  });

  test("the system's clock is in use outside of tests", () => {
    expect(clockInUse).toBe(systemClock);
  });
});
