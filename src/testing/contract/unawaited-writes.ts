import assert from "node:assert/strict";
import process from "node:process";
import type { ManualClock } from "../manual-clock.js";
import { NetTimeoutError, type Connection, type ConnectionOptions } from "../../index.js";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, timesOut, turn, until, watch } from "./expectations.js";
import { clog } from "./payloads.js";
import type { Pair } from "./pair.js";

const GONE = ["ECONNRESET", "EPIPE"];

/** All forms of `close()` with enough time for it. */
const FORMS: Readonly<Record<string, (connection: Connection) => Promise<void>>> = {
  "close()": (connection) => connection.close(),
  "close with a timeout": (connection) => connection.close({ timeout: 20_000 }),
  "close with a timeout of 0": (connection) => connection.close({ timeout: 0 }),
  "close with a signal": (connection) => connection.close({ signal: new AbortController().signal }),
  "await using": (connection) => connection[Symbol.asyncDispose](),
};

/** A case for each form of `close()`. */
function everyClose(
  name: string,
  check: (close: (connection: Connection) => Promise<void>, pair: Pair) => Promise<void>,
  options?: ConnectionOptions,
): ContractCase[] {
  return Object.entries(FORMS).map(([form, close]) =>
    onPair(`${form}: ${name}`, (pair) => check(close, pair), options),
  );
}

/** Moves the time until a call runs out of it. */
async function lateOn(clock: ManualClock, call: Promise<unknown>): Promise<NetTimeoutError> {
  const watched = watch(call);
  while (!watched.settled) await clock.advance(10);
  return await timesOut(call);
}

/** Unawaited writes that fail: the failure shows at the next call, and at `closed`. */
export const unawaitedWrites: readonly ContractCase[] = [
  onTimedPair(
    "an unawaited write that times out before its turn fails the next call, so that nothing closes the gap",
    async ({ a, b, clock }) => {
      const first = a.write(clog());
      void a.write("lost", { timeout: 10 });
      await lateOn(clock, first);
      const error = await fails(a.write("next"), "ETIMEDOUT");
      assert.ok(error.cause instanceof NetTimeoutError);
      assert.equal(error.written, "nothing");
      assert.deepEqual([error.cause.written, error.cause.timeout], ["nothing", 10]);
      await fails(a.flush(), "ETIMEDOUT");
      await a.close();
      assert.equal((await fails(a.closed, "ETIMEDOUT")).operation, "write");
      const [received] = await Promise.allSettled([b.readAll({ limit: Infinity })]);
      if (received.status === "fulfilled")
        sameBytes(received.value, clog().subarray(0, received.value.length));
    },
    { writeTimeout: 50 },
  ),

  onTimedPair(
    "close rejects for an unawaited write that timed out before its turn",
    async ({ a, clock }) => {
      const first = a.write(clog());
      void a.write("lost", { timeout: 10 });
      await lateOn(clock, first);
      const closing = a.close();
      assert.equal((await lateOn(clock, closing)).operation, "close");
      await timesOut(a.closed);
    },
    { writeTimeout: 50 },
  ),

  onPair(
    "a write that timed out before its turn fails nothing else if its caller has heard of it",
    async ({ a, b }) => {
      const [first, second] = await Promise.allSettled([a.write(clog()), a.write("second")]);
      assert.deepEqual([first.status, second.status], ["rejected", "rejected"]);
      const [third, fourth] = [a.write("third"), a.write("fourth")];
      assert.equal((await timesOut(third)).written, "nothing");
      assert.equal((await timesOut(fourth)).written, "nothing");
      sameBytes(await b.readExactly(clog().length), clog());
      await a.write("fifth");
      await a.closeWrite();
      assert.equal((await b.readAll()).toString(), "fifth");
    },
    { writeTimeout: 50 },
  ),

  onPair("an unawaited write that fails without any other sign fails close", async ({ a, b }) => {
    void a.write(clog());
    b.reset();
    await fails(a.closed, ...GONE);
    assert.equal((await fails(a.close(), ...GONE)).operation, "close");
    await fails(a.close(), ...GONE);
  }),

  onPair("a write that failed and was awaited does not fail close", async ({ a, b }) => {
    const written = a.write(clog());
    b.reset();
    await fails(written, ...GONE);
    await a.close();
    await fails(a.closed, ...GONE);
    void a.write("also lost");
    await a.close();
  }),

  onPair("unawaited writes on a connection that has failed fail close", async ({ a, b }) => {
    const written = a.write(clog());
    b.reset();
    await fails(written, ...GONE);
    for (let count = 0; count < 3; count++) void a.write("also lost");
    await fails(a.close(), ...GONE);
  }),

  onPair(
    "gathered bytes that are lost fail close, also when the connection is over",
    async ({ a, b }) => {
      await a.write(clog().subarray(0, 9_000_000));
      b.reset();
      await fails(a.closed, ...GONE);
      assert.equal((await fails(a.close(), ...GONE)).operation, "close");
    },
    { bufferSize: 10_000_000 },
  ),

  onPair("no later call fails for what a reset of our own has dropped", async ({ a }) => {
    void a.write(clog());
    void a.write("dropped");
    a.reset();
    await a.close();
    await a.closed;
  }),

  ...everyClose(
    "fails for a lost write that was not awaited, also when the connection is over",
    async (close, { a, b }) => {
      void a.write(clog());
      b.reset();
      await fails(a.closed, ...GONE);
      assert.equal((await fails(close(a), ...GONE)).operation, "close");
      for (const again of Object.values(FORMS)) await fails(again(a), ...GONE);
    },
  ),

  ...everyClose(
    "fails for a lost write that was not awaited, on a connection that is still read",
    async (close, { a, b }) => {
      const first = a.write(clog());
      void a.write("lost", { timeout: 10 });
      await timesOut(first);
      const waiting = b.read();
      assert.equal((await timesOut(close(a))).operation, "close");
      await timesOut(a.closed);
      await waiting.catch(() => undefined);
    },
    { writeTimeout: 50 },
  ),

  ...everyClose("does not fail for a lost write that was awaited", async (close, { a, b }) => {
    const written = a.write(clog());
    b.reset();
    await fails(written, ...GONE);
    await close(a);
    await close(a);
    await fails(a.closed, ...GONE);
  }),

  ...["closeWrite", "close", "flush"].map((name) =>
    onPair(
      `${name}: an unawaited write that times out while it waits fails it, and no FIN hides the gap`,
      async ({ a, b, resets }) => {
        const first = a.write(clog());
        void a.write(clog(), { timeout: 10 });
        const both = a.writableLength;
        const ending = timesOut(a[name as "closeWrite" | "close" | "flush"]({ timeout: 20_000 }));
        await until(() => a.writableLength <= both - clog().length);
        const reading = Promise.allSettled([b.readAll({ limit: Infinity })]);
        await first;
        const error = await ending;
        assert.ok(error.cause instanceof NetTimeoutError);
        // A second close() tells the same. After closeWrite() or flush() has told it, close() does not.
        if (name === "close") await timesOut(a.close());
        else await a.close();
        await timesOut(a.closed);
        const [received] = await reading;
        if (resets) assert.equal(received.status, "rejected");
      },
    ),
  ),

  onPair(
    "many unawaited writes fail with one error, awaited writes each with their own",
    async ({ a, b }) => {
      const unhandled: unknown[] = [];
      const note = (reason: unknown) => unhandled.push(reason);
      process.on("unhandledRejection", note);
      try {
        void a.write(clog());
        const writes = Array.from({ length: 2_000 }, (_, n) => a.write(String(n)));
        const ends = [a.flush(), a.closeWrite()];
        const awaited = writes.filter((_, n) => n % 4 === 0).map((write) => fails(write, ...GONE));
        b.reset();
        await fails(a.closed, ...GONE);
        const errors = await Promise.all(awaited);
        assert.equal(new Set(errors).size, 500);
        for (const { operation, written } of errors)
          assert.deepEqual([operation, written], ["write", "nothing"]);
        await turn();
        // An await that comes later finds the failure all the same.
        const late = await Promise.all(
          writes.filter((_, n) => n % 4 !== 0).map((write) => fails(write, ...GONE)),
        );
        assert.equal(new Set(late).size, 1);
        assert.deepEqual([late[0]?.operation, late[0]?.written], ["write", "nothing"]);
        const [flushed, ended] = await Promise.all(ends.map((end) => fails(end, ...GONE)));
        assert.deepEqual(
          [flushed?.operation, ended?.operation, ended?.written],
          ["write", "close", undefined],
        );
        await turn();
        assert.deepEqual(unhandled, []);
      } finally {
        process.off("unhandledRejection", note);
      }
    },
  ),

  onPair("close with a signal that is aborted already need not be awaited", async ({ a }) => {
    void a.close({ signal: AbortSignal.abort() });
    await a.write("still open");
  }),
];
