import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { performance } from "node:perf_hooks";
import { partialReads, waitingReads, waitingWrites, type Call } from "./calls.js";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import {
  fails,
  rejection,
  sameBytes,
  stillPending,
  text,
  timesOut,
  turn,
  until,
  watch,
} from "./expectations.js";
import { random } from "../random.js";

/** Deadlines that have passed, that pass, and that are kept. */
export const timeouts: readonly ContractCase[] = [
  ...waitingReads.map(([name, read]) =>
    onPair(
      `${name}: a timeout of 0 fails at once, a short one soon, and both consume nothing`,
      async ({ a, b }) => {
        for (const timeout of [0, 1, 20]) {
          const error = await timesOut(read(a, { timeout }));
          assert.deepEqual([error.operation, error.timeout], ["read", timeout]);
          assert.match(error.message, new RegExp(`^read .*timed out after ${String(timeout)} ms`, "u"));
        }
        await b.write("usable");
        assert.equal(text(await a.readExactly(6)), "usable");
      },
    ),
  ),

  ...partialReads.map(([name, read]) =>
    onPair(`${name}: a read that times out leaves what had arrived`, async ({ a, b }) => {
      const waiting = read(a, { timeout: 20 });
      await b.write("part");
      await timesOut(waiting);
      await until(() => a.readableLength === 4);
      await timesOut(read(a, { timeout: 0 }));
      assert.equal(a.readableLength, 4);
      await b.write("ial\n");
      assert.equal(await a.readLine(), "partial");
    }),
  ),

  onPair("a timeout of 0 succeeds where everything is here", async ({ a, b }) => {
    await b.write("line\nchunk");
    await until(() => a.readableLength === 10);
    assert.equal(await a.readLine({ timeout: 0 }), "line");
    assert.equal(text(await a.readExactly(1, { timeout: 0 })), "c");
    assert.equal(text(await a.read({ timeout: 0 })), "hunk");
    await a.write("x", { timeout: 0 });
    await a.flush({ timeout: 0 });
    await a.closeWrite();
    await a.closeWrite({ timeout: 0 });
  }),

  onPair("a busy program does not make a wait time out", async ({ a, b }) => {
    const waiting = a.read({ timeout: 50 });
    await b.write("here in time");
    busyFor(100);
    assert.equal(text(await waiting), "here in time");
  }),

  onPair("bytes that arrive end a wait with a long timeout", async ({ a, b }) => {
    const waiting = a.readLine({ timeout: 1_000_000 });
    await b.write("in time\n");
    assert.equal(await waiting, "in time");
    const forever = a.readLine({ timeout: 1e12 });
    await b.write("also\n");
    assert.equal(await forever, "also");
  }),

  onTimedPair("a timeout covers its own call and none after it", async ({ a, b, clock }) => {
    await b.write("x");
    assert.equal(text(await a.read({ timeout: 30 })), "x");
    const second = a.read({ timeout: 40 });
    await b.write("y");
    assert.equal(text(await second), "y");
    const third = a.read();
    await clock.advance(1_000);
    await stillPending(third);
    await b.write("z");
    assert.equal(text(await third), "z");
  }),

  onPair("a timeout holds for the whole call, however much arrives", async ({ a, b }) => {
    for (const read of [
      () => a.readLine({ timeout: 20, limit: Infinity }),
      () => a.readExactly(1e9, { timeout: 20 }),
      () => a.lines({ timeout: 20, limit: Infinity }).next(),
    ]) {
      const waiting = timesOut(read());
      const state = watch(waiting);
      while (!state.settled) {
        await b.write(".");
        await turn();
      }
      assert.equal((await waiting).timeout, 20);
    }
    assert.ok(a.readableLength > 3);
  }),

  onTimedPair(
    "the readTimeout of the connection bounds each wait for more, not the whole",
    async ({ a, b, clock }) => {
      const line = a.readLine();
      for (let letters = 0; letters < 6; letters++) {
        await clock.advance(399);
        await b.write(String(letters));
        await until(() => a.readableLength === letters + 1);
      }
      await b.write("\n");
      assert.equal(await line, "012345");
      const stalled = a.readLine();
      await b.write("half");
      await until(() => a.readableLength === 4);
      await clock.advance(399);
      await stillPending(stalled);
      const late = timesOut(stalled);
      await clock.advance(1);
      assert.equal((await late).timeout, 400);
      assert.equal(text(await a.read()), "half");
    },
    { readTimeout: 400 },
  ),

  onTimedPair(
    "an explicit timeout takes the place of the readTimeout, Infinity too",
    async ({ a, b, clock }) => {
      const forever = a.read({ timeout: Infinity });
      await clock.advance(1e9);
      await b.write("late");
      assert.equal(text(await forever), "late");
      for (const timeout of [30, 10]) {
        const late = timesOut(timeout === 30 ? a.read() : a.read({ timeout }));
        await clock.advance(timeout);
        assert.equal((await late).timeout, timeout);
      }
    },
    { readTimeout: 30 },
  ),

  onPair(
    "a readTimeout of 0 reads only what is here",
    async ({ a, b }) => {
      assert.equal((await timesOut(a.read())).timeout, 0);
      await b.write("here");
      await until(() => a.readableLength === 4);
      assert.equal(text(await a.read()), "here");
    },
    { readTimeout: 0 },
  ),

  onPair("reads that race with tiny deadlines lose nothing", async ({ a, b }) => {
    const total = 400;
    const writing = (async () => {
      for (let n = 0; n < total; n++) {
        await b.write(`${String(n)}\n`);
        if (n % 3 === 0) await turn();
      }
    })();
    let late = 0;
    for (let n = 0; n < total;) {
      try {
        assert.equal(await a.readLine({ timeout: n % 2 }), String(n));
        n++;
      } catch (error) {
        await timesOut(Promise.reject(error));
        late++;
        await turn();
      }
    }
    await writing;
    assert.ok(late > 0);
  }),

  onPair("writes that race with tiny deadlines are sent whole or not at all", async ({ a, b }) => {
    const numbers = random(31);
    const expected: Buffer[] = [];
    const writing = (async () => {
      for (let n = 0; n < 300; n++) {
        const record = Buffer.alloc(1 + numbers(300_000), n);
        try {
          await a.write(record, { timeout: n % 3 });
          expected.push(record);
        } catch (error) {
          const { written } = await timesOut(Promise.reject(error));
          if (written === "partly") expected.push(record);
        }
        if (n % 10 === 0) await turn();
      }
      await a.closeWrite();
    })();
    const state = watch(writing);
    const got: Buffer[] = [];
    for await (const chunk of b) {
      got.push(chunk);
      if (!state.settled) await turn();
    }
    await writing;
    sameBytes(Buffer.concat(got), Buffer.concat(expected));
  }),

  onPair("both sides time out at once, and both are usable afterwards", async ({ a, b }) => {
    for (let rounds = 0; rounds < 3; rounds++) {
      await Promise.all([timesOut(a.read({ timeout: 10 })), timesOut(b.readLine({ timeout: 10 }))]);
      await Promise.all([a.write("to b\n"), b.write("to a\n")]);
      assert.deepEqual([await a.readLine(), await b.readLine()], ["to a", "to b"]);
    }
  }),

  onPair("waits with distant deadlines end at once when the connection is closed", async ({ a, b }) => {
    const read = a.read({ timeout: 1_000_000 });
    const line = b.readLine({ timeout: 1_000_000 });
    const closing = a.close();
    await fails(read, "ERR_CLOSED");
    assert.equal(await line, null);
    await b.close();
    await closing;
  }),

  onPair("a timeout that makes no sense is refused before anything is done", async ({ a, b }) => {
    await b.write("x");
    await until(() => a.readableLength === 1);
    const close: readonly [string, Call] = ["close", (end, options) => end.close(options)];
    const calls = [...waitingReads, ...waitingWrites, close];
    const called = async (call: Call, timeout: unknown) => await call(a, { timeout: timeout as number });
    for (const [, call] of calls) {
      for (const timeout of [-1, NaN, -Infinity]) {
        const error = await rejection(called(call, timeout));
        assert.ok(error instanceof RangeError && /"timeout".*received/u.test(error.message), String(error));
      }
      for (const timeout of ["100", null, {}, 10n]) {
        assert.ok((await rejection(called(call, timeout))) instanceof TypeError);
      }
    }
    assert.deepEqual([a.readableLength, a.writableLength, a.bytesWritten], [1, 0, 0]);
    await a.write("still open");
    assert.equal(text(await b.read()), "still open");
  }),
];

/** Blocks the event loop for `ms`. */
function busyFor(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}
