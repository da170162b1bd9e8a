import assert from "node:assert/strict";
import { once } from "node:events";
import { NetError, type Connection } from "../../index.js";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, stillPending, text, turn, until } from "./expectations.js";
import { clog } from "./payloads.js";

type SocketDuplex = Connection["duplex"];

/** How often `'timeout'` is emitted from now on. */
function timeoutsOf(duplex: SocketDuplex): { count: number } {
  const timeouts = { count: 0 };
  duplex.on("timeout", () => timeouts.count++);
  return timeouts;
}

/** What libraries ask a connection's Duplex for when they take it for a `net.Socket`. */
export const duplexSocket: readonly ContractCase[] = [
  onPair("duplex: tells its addresses as a socket does", async ({ a, family }) => {
    const { duplex } = a;
    const name = family === undefined ? undefined : `IPv${family}`;
    assert.deepEqual([duplex.localFamily, duplex.remoteFamily], [name, name]);
    assert.deepEqual(
      [duplex.localAddress, duplex.localPort, duplex.remoteAddress, duplex.remotePort],
      [a.localAddress, a.localPort, a.remoteAddress, a.remotePort],
    );
    const own = { address: a.localAddress, family: name, port: a.localPort };
    assert.deepEqual(duplex.address(), family === undefined ? {} : own);
    return Promise.resolve();
  }),

  onPair("duplex: readyState tells which sides are open", async ({ a, b }) => {
    const { duplex } = a;
    assert.deepEqual([duplex.readyState, duplex.connecting, duplex.pending], ["open", false, false]);
    duplex.end("all");
    assert.equal(duplex.readyState, "readOnly");
    duplex.resume();
    const closed = once(duplex, "close");
    await b.readAll();
    await Promise.all([b.close(), closed]);
    assert.deepEqual([duplex.readyState, duplex.connecting, duplex.pending], ["closed", false, true]);
  }),

  onPair("duplex: readyState is writeOnly once the peer's end was read", async ({ a, b }) => {
    await b.closeWrite();
    await once(a.duplex.resume(), "end");
    assert.equal(a.duplex.readyState, "writeOnly");
    a.duplex.destroy();
    assert.equal(a.duplex.readyState, "closed");
  }),

  onPair("duplex: counts what was read and what was written", async ({ a, b }) => {
    const { duplex } = a;
    assert.deepEqual([duplex.bytesRead, duplex.bytesWritten], [0, 0]);
    await b.write("four");
    await until(() => duplex.bytesRead === 4);
    await new Promise((resolve) => duplex.write("five!", resolve));
    assert.equal(duplex.bytesWritten, 5);
    // As a socket does, it counts what is still to be sent.
    duplex.write(clog());
    duplex.write("more");
    assert.equal(duplex.bytesWritten, 5 + clog().length + 4);
    await a.read();
    await turn();
    assert.equal(duplex.bytesWritten, 5 + clog().length + 4);
    b.closeRead();
    await until(() => duplex.writableLength === 0);
    assert.equal(duplex.bytesWritten, 5 + clog().length + 4);
    assert.equal(duplex.bytesWritten, a.bytesWritten);
  }),

  onPair("duplex: destroySoon() sends all, and then closes", async ({ a, b }) => {
    const { duplex } = a;
    const closed = once(duplex, "close");
    duplex.write(clog());
    duplex.destroySoon();
    assert.equal(duplex.destroyed, false);
    assert.equal((await b.readAll({ limit: Infinity })).length, clog().length);
    await b.close();
    await closed;
    await a.closed;
  }),

  onPair("duplex: destroySoon() of one that has ended closes it at once", async ({ a, b }) => {
    a.duplex.end("all");
    await once(a.duplex, "finish");
    a.duplex.destroySoon();
    assert.equal(a.duplex.destroyed, true);
    assert.equal(text(await b.readAll()), "all");
    await Promise.all([b.close(), a.closed]);
  }),

  onPair(
    "duplex: resetAndDestroy() resets the connection, without an error here",
    async ({ a, b, resets }) => {
      const errors: unknown[] = [];
      a.duplex.on("error", (error) => errors.push(error));
      const closed = once(a.duplex, "close");
      assert.equal(a.duplex.resetAndDestroy(), a.duplex);
      assert.equal(a.duplex.destroyed, true);
      if (resets) await fails(b.read(), "ECONNRESET");
      await closed;
      a.duplex.resetAndDestroy();
      await turn();
      assert.deepEqual(errors, []);
    },
  ),

  onPair("duplex: setNoDelay and setKeepAlive take what a socket's take", async ({ a }) => {
    const loose = a.duplex as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const args of [[], [1], [0], ["yes"], [null], [undefined]])
      assert.equal(loose.setNoDelay?.(...args), a.duplex);
    for (const args of [[], [true], [1, "2000"], [true, undefined], [false, NaN], [true, -1]])
      assert.equal(loose.setKeepAlive?.(...args), a.duplex);
    for (const args of [
      [true, 60_000, 5_000, 3],
      [true, 0, "x", -1],
      [true, null, null, 1e9],
      [null, 1, {}],
    ])
      assert.equal(loose.setKeepAlive?.(...args), a.duplex);
    const options = { enable: true, initialDelay: 60_000, interval: 5_000, count: 3 };
    for (const arg of [options, {}, { enable: false }]) assert.equal(loose.setKeepAlive?.(arg), a.duplex);
    return Promise.resolve();
  }),

  onPair("duplex: bufferSize is the former name of writableLength", async ({ a }) => {
    const { duplex } = a;
    assert.equal(duplex.bufferSize, 0);
    duplex.write(clog());
    assert.deepEqual([duplex.bufferSize, duplex.writableLength], [clog().length, clog().length]);
    duplex.destroy();
    assert.equal(duplex.bufferSize, undefined);
    return Promise.resolve();
  }),

  onPair("duplex: 'close' tells whether it failed", async ({ a, b }) => {
    const failed = ({ duplex }: Connection) =>
      new Promise((resolve) => duplex.once("close", (hadError: unknown) => resolve(hadError)));
    const closed = [failed(a), failed(b)];
    a.duplex.destroy();
    b.duplex.destroy(new Error("ours"));
    assert.deepEqual(await Promise.all(closed), [false, true]);
  }),

  onPair(
    "duplex: a write after it has closed itself, since the peer ended, fails with EPIPE",
    async ({ a, b }) => {
      const { duplex } = a;
      duplex.allowHalfOpen = false;
      duplex.resume();
      const closed = once(duplex, "close");
      await b.closeWrite();
      await b.readAll();
      await closed;
      const error = await rejection(new Promise((_, reject) => duplex.write("too late", reject)));
      assert.ok(error instanceof NetError && error.code === "EPIPE", String(error));
      assert.equal(error.written, "nothing");
    },
  ),

  onTimedPair(
    "duplex: setTimeout emits 'timeout' when nothing moves, and only then",
    async ({ a, b, clock }) => {
      const { duplex } = a;
      const timeouts = timeoutsOf(duplex);
      assert.equal(duplex.timeout, undefined);
      assert.equal(duplex.setTimeout(90), duplex);
      assert.equal(duplex.timeout, 90);
      for (let n = 1; n < 9; n++) {
        await b.write(".");
        await until(() => a.readableLength === n);
        await clock.advance(89);
      }
      assert.equal(timeouts.count, 0);
      await clock.advance(90);
      assert.equal(timeouts.count, 1);
      duplex.setTimeout(0);
      assert.deepEqual([duplex.destroyed, duplex.timeout], [false, 0]);
    },
  ),

  onTimedPair("duplex: 'timeout' comes once for each silence", async ({ a, b, clock }) => {
    const { duplex } = a;
    const timeouts = timeoutsOf(duplex);
    duplex.setTimeout(25);
    await clock.advance(250);
    assert.equal(timeouts.count, 1);
    // Bytes that arrive end the silence, and so do bytes that are sent.
    await b.write("x");
    await until(() => a.readableLength === 1);
    await clock.advance(250);
    assert.equal(timeouts.count, 2);
    duplex.write("x");
    await until(() => b.readableLength === 1);
    await clock.advance(250);
    assert.equal(timeouts.count, 3);
    // Set again, it begins anew.
    duplex.setTimeout(25);
    await clock.advance(250);
    assert.equal(timeouts.count, 4);
  }),

  onPair("duplex: a write that the peer does not take ends a silence once", async ({ a }) => {
    const { duplex } = a;
    duplex.write(clog());
    await stillPending(once(duplex, "drain"));
    const timeouts = timeoutsOf(duplex);
    duplex.setTimeout(20);
    await once(duplex, "timeout");
    duplex.write("more");
    await once(duplex, "timeout");
    assert.equal(timeouts.count, 2);
  }),

  onPair("duplex: setTimeout has its listener called once, and with 0 removes it", async ({ a, b }) => {
    const { duplex } = a;
    let calls = 0;
    const listener = () => calls++;
    duplex.setTimeout(15, listener);
    await once(duplex, "timeout");
    await b.write("x");
    await once(duplex, "timeout");
    assert.equal(calls, 1);
    duplex.setTimeout(1_000, listener);
    assert.equal(duplex.listenerCount("timeout"), 1);
    duplex.setTimeout(0, listener);
    assert.equal(duplex.listenerCount("timeout"), 0);
  }),

  onPair("duplex: setTimeout refuses what a socket's refuses, and stays as it was", async ({ a }) => {
    const { duplex } = a;
    duplex.setTimeout(60_000);
    const set = (...args: unknown[]): unknown =>
      Reflect.apply(Reflect.get(duplex, "setTimeout"), duplex, args);
    for (const ms of [undefined, null, "5", true, {}, 5n])
      assert.throws(() => set(ms), { name: "TypeError", code: "ERR_INVALID_ARG_TYPE" });
    for (const ms of [-1, NaN, Infinity, -Infinity])
      assert.throws(() => set(ms), { name: "RangeError", code: "ERR_OUT_OF_RANGE" });
    for (const listener of [null, "x", 5, {}])
      assert.throws(() => set(50, listener), {
        name: "TypeError",
        code: "ERR_INVALID_ARG_TYPE",
      });
    assert.deepEqual([duplex.timeout, duplex.listenerCount("timeout")], [60_000, 0]);
    return Promise.resolve();
  }),

  onTimedPair(
    "duplex: there is no 'timeout' after destroy(), however it comes about",
    async ({ a, b, clock }) => {
      const timeouts = [timeoutsOf(a.duplex), timeoutsOf(b.duplex)];
      a.duplex.setTimeout(20);
      b.duplex.setTimeout(20);
      a.duplex.destroy();
      b.reset();
      await Promise.allSettled([a.closed, b.closed]);
      a.duplex.setTimeout(20);
      a.duplex.setTimeout(-1);
      assert.equal(a.duplex.timeout, 20);
      await clock.advance(1_000);
      assert.deepEqual(timeouts, [{ count: 0 }, { count: 0 }]);
    },
  ),
];
