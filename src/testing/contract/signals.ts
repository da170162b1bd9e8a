import assert from "node:assert/strict";
import process from "node:process";
import { getEventListeners } from "node:events";
import { waitingReads, waitingWrites } from "./calls.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, stillPending, text, timesOut, until } from "./expectations.js";
import { clog } from "./payloads.js";

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

/** A signal of the program's own that lacks something. */
function brokenSignal(methods: Partial<AbortSignal>): AbortSignal {
  return {
    aborted: false,
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
    ...methods,
  } as AbortSignal;
}

/** Signals that are aborted before, during and after a call. */
export const signals: readonly ContractCase[] = [
  ...waitingReads.map(([name, read]) =>
    onPair(
      `${name}: an abort rejects with the signal's reason, consumes nothing and leaves no listener`,
      async ({ a, b }) => {
        for (const reason of [new Error("no longer"), "a string", { code: 7 }, undefined]) {
          const controller = new AbortController();
          const { signal } = controller;
          const waiting = read(a, { signal });
          await stillPending(waiting);
          assert.equal(listeners(signal), 1);
          controller.abort(reason);
          assert.equal(listeners(signal), 0);
          assert.equal(await rejection(waiting), signal.reason);
          assert.equal(await rejection(read(a, { signal })), signal.reason);
        }
        await b.write("usable");
        assert.equal(text(await a.readExactly(6)), "usable");
      },
    ),
  ),

  ...waitingWrites.map(([name, write]) =>
    onPair(`${name}: an abort rejects with the signal's reason and leaves no listener`, async ({ a }) => {
      void a.write(clog());
      const controller = new AbortController();
      const { signal } = controller;
      const waiting = write(a, { signal });
      await stillPending(waiting);
      assert.equal(listeners(signal), 1);
      controller.abort();
      assert.equal(listeners(signal), 0);
      const error = await rejection(waiting);
      assert.equal(error, signal.reason);
      assert.equal((error as Error).name, "AbortError");
    }),
  ),

  onPair(
    "a signal of AbortSignal.timeout() rejects with a timeout, caused by its reason",
    async ({ a, b }) => {
      void a.write(clog());
      for (const [name, call] of [...waitingReads, ...waitingWrites]) {
        const signal = AbortSignal.timeout(5);
        const error = await timesOut(call(a, { signal }));
        assert.equal(error.cause, signal.reason, name);
        assert.equal(listeners(signal), 0, name);
        // And the same once it has passed.
        assert.equal((await timesOut(call(a, { signal }))).cause, signal.reason, name);
      }
      await b.write("usable");
      assert.equal(text(await a.readExactly(6)), "usable");
    },
  ),

  onPair("a timeout within AbortSignal.any() is a timeout, an abort within it is not", async ({ a }) => {
    const controller = new AbortController();
    const any = AbortSignal.any([controller.signal, AbortSignal.timeout(5)]);
    assert.equal((await timesOut(a.read({ signal: any }))).cause, any.reason);
    const other = AbortSignal.any([controller.signal, AbortSignal.timeout(100_000)]);
    const waiting = a.read({ signal: other });
    controller.abort("by hand");
    assert.equal(await rejection(waiting), "by hand");
  }),

  onPair("the earlier one counts, the timeout or the signal", async ({ a }) => {
    const controller = new AbortController();
    const error = await timesOut(a.read({ timeout: 5, signal: controller.signal }));
    assert.equal(error.cause, undefined);
    assert.equal(listeners(controller.signal), 0);
    const waiting = a.read({ timeout: 100_000, signal: controller.signal });
    controller.abort("first");
    assert.equal(await rejection(waiting), "first");
  }),

  onPair("a signal that is aborted already rejects before anything is done", async ({ a, b }) => {
    await b.write("here\n");
    await until(() => a.readableLength === 5);
    const signal = AbortSignal.abort("too late");
    for (const [, call] of [...waitingReads, ...waitingWrites]) {
      assert.equal(await rejection(call(a, { signal })), "too late");
    }
    assert.equal(await rejection(a.write(clog(), { signal, timeout: 0 })), "too late");
    assert.equal(await rejection(a.close({ signal })), "too late");
    assert.deepEqual([a.readableLength, a.writableLength, a.bytesWritten], [5, 0, 0]);
    assert.equal(await a.readLine(), "here");
    await a.write("open");
    assert.equal(text(await b.read()), "open");
  }),

  onPair("a signal covers its own call and none after it", async ({ a, b }) => {
    const controller = new AbortController();
    const { signal } = controller;
    const first = a.read({ signal });
    await b.write("1");
    await first;
    await a.write("x", { signal });
    await a.flush({ signal });
    const second = a.read();
    controller.abort();
    await stillPending(second);
    await b.write("2");
    assert.equal(text(await second), "2");
    await a.write("y");
    assert.equal(text(await b.readExactly(2)), "xy");
  }),

  onPair("a settled call has taken its listener off, however it ended", async ({ a, b }) => {
    const { signal } = new AbortController();
    const counts = () => assert.equal(listeners(signal), 0);
    const success = a.read({ signal });
    await b.write("x");
    await success;
    counts();
    await timesOut(a.read({ signal, timeout: 5 }));
    counts();
    const limited = a.readLine({ signal, limit: 1 });
    void b.write("xyz");
    await fails(limited, "ERR_LIMIT");
    counts();
    await a.readExactly(3, { signal });
    const busy = a.read({ signal });
    await fails(a.read({ signal }), "ERR_BUSY");
    assert.equal(listeners(signal), 1);
    await b.closeWrite();
    await busy;
    counts();
    const writes = [a.write(clog(), { signal }), a.write("x", { signal }), a.closeWrite({ signal })];
    assert.equal(listeners(signal), 1);
    a.reset();
    await Promise.all(writes.map((write) => fails(write, "ERR_CLOSED")));
    counts();
    await a.close({ signal });
    counts();
  }),

  onPair("100 000 reads with one signal leave no listener and cause no warning", async ({ a, b }) => {
    const { signal } = new AbortController();
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on("warning", onWarning);
    const rounds = 4_000;
    const answering = (async () => {
      for (let round = 0; round < rounds; round++) {
        await b.readExactly(1);
        await b.write("0123456789\n0123456789\n.");
      }
    })();
    let reads = 0;
    for (let round = 0; round < rounds; round++) {
      await a.write("?");
      const waiting = a.readExactly(1, { signal });
      assert.ok(listeners(signal) <= 1);
      await waiting;
      for (let size = 1; size < 23; size++, reads++) await a.readExactly(1, { signal });
      reads++;
    }
    for (; reads < 100_000; reads++) await a.readInto(new Uint8Array(0), { signal });
    await answering;
    assert.equal(listeners(signal), 0);
    process.off("warning", onWarning);
    assert.deepEqual(warnings, []);
  }),

  ...[...waitingReads, ...waitingWrites].map(([name, call]) =>
    onPair(
      `${name}: a signal that cannot be listened to fails the call, which takes nothing`,
      async ({ a, b }) => {
        const refusal = new Error("no listeners here");
        const signal = brokenSignal({
          addEventListener: () => {
            throw refusal;
          },
        });
        void a.write(clog());
        assert.equal(await rejection(call(a, { signal })), refusal);
        await b.write("unread");
        await until(() => a.readableLength === 6);
        assert.equal(text(await a.read()), "unread");
      },
    ),
  ),

  ...waitingReads.map(([name, read]) =>
    onPair(`${name}: a signal that keeps its listeners changes no result`, async ({ a, b }) => {
      const signal = brokenSignal({
        removeEventListener: () => {
          throw new Error("for ever");
        },
      });
      await Promise.allSettled([read(a, { signal }), b.closeWrite()]);
      await a.write("usable", { signal });
      assert.equal(text(await b.readExactly(6)), "usable");
    }),
  ),

  ...[...waitingReads, ...waitingWrites].map(([name, call]) =>
    onPair(`${name}: options are read once`, async ({ a }) => {
      void a.write(clog());
      const reads = { timeout: 0, signal: 0 };
      const options = {
        get timeout() {
          return reads.timeout++ === 0 ? 5 : Infinity;
        },
        get signal() {
          return reads.signal++ === 0 ? undefined : AbortSignal.abort("read again");
        },
      };
      await timesOut(call(a, options));
    }),
  ),

  onPair("a value that is no signal is refused", async ({ a }) => {
    for (const [, call] of [...waitingReads, ...waitingWrites]) {
      const wrong = async () => await call(a, { signal: {} as AbortSignal });
      assert.ok((await rejection(wrong())) instanceof TypeError);
    }
    assert.ok((await rejection(a.close({ signal: "no" as unknown as AbortSignal }))) instanceof TypeError);
    assert.equal(a.bytesWritten, 0);
  }),
];
