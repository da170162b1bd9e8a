import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ReadableStream } from "node:stream/web";
import type { Connection } from "../../index.js";
import { NetTimeoutError } from "../../index.js";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, until } from "./expectations.js";
import { pattern } from "./payloads.js";

type Options = { readonly preventCancel?: boolean };
type Loop = AsyncIterableIterator<Uint8Array, unknown>;
type MakeLoop = (connection: Connection, options?: Options) => Loop;

/** A loop over `readable`, and the one that Node's streams have: each case holds for both. */
const LOOPS: readonly (readonly [name: string, make: MakeLoop])[] = [
  ["a loop", ({ readable }, options) => readable.values(options) as Loop],
  [
    "Node's own loop",

    ({ readable }, options) => ReadableStream.prototype.values.call(readable, options) as Loop,
  ],
];

async function textOf(pull: Promise<IteratorResult<Uint8Array, unknown>>): Promise<string> {
  const { done, value } = await pull;
  assert.equal(done, false);
  return Buffer.from(value).toString();
}

function casesOf([name, loopOver]: (typeof LOOPS)[number]): readonly ContractCase[] {
  return [
    onPair(`readable: ${name} gives plain chunks in memory of their own, until the end`, async ({ a, b }) => {
      const loop = loopOver(a);
      for (const size of [1, 24, 64, 65, 5_000]) {
        const waiting = size % 2 === 0;
        const sent = pattern(size, size);
        const early = waiting ? loop.next() : null;
        await b.write(sent);
        if (!waiting) await until(() => a.readableLength === size);
        const got: Uint8Array[] = [];
        for (let left = size, next = early ?? loop.next(); left > 0; next = loop.next()) {
          const { value } = (await next) as IteratorYieldResult<Uint8Array>;
          assert.equal(Object.getPrototypeOf(value), Uint8Array.prototype);
          assert.equal(value.buffer.byteLength, value.length);
          got.push(value);
          left -= value.length;
          if (left <= 0) break;
        }
        sameBytes(Buffer.concat(got), sent);
      }
      await b.closeWrite();
      for (let times = 0; times < 2; times++)
        assert.deepEqual(await loop.next(), { value: undefined, done: true });
      assert.equal(a.readable.locked, false);
      await a.readable.getReader().closed;
    }),

    onPair(
      `readable: ${name} locks the stream; its calls are served one after the other`,
      async ({ a, b }) => {
        const loop = loopOver(a);
        assert.throws(() => loopOver(a), { name: "TypeError" });
        const [first, second] = [loop.next(), loop.next()];
        const left = loop.return?.("left");
        const third = loop.next();
        await stillPending(first);
        await b.write("one");
        assert.equal(await textOf(first), "one");
        assert.equal(a.readable.locked, true);
        await stillPending(second);
        await b.write("two");
        assert.equal(await textOf(second), "two");
        assert.deepEqual(await left, { value: "left", done: true });
        assert.equal((await third).done, true);
        assert.equal(a.readable.locked, false);
        // It was cancelled.
        assert.equal(await a.read(), null);
      },
    ),

    onPair(`readable: ${name} takes the bytes for a reader that was released first`, async ({ a, b }) => {
      const reader = a.readable.getReader();
      const forsaken = reader.read();
      await stillPending(forsaken);
      reader.releaseLock();
      await rejection(forsaken);
      await b.write("first,");
      await until(() => a.bytesRead === 6);
      const loop = loopOver(a, { preventCancel: true });
      assert.equal(await textOf(loop.next()), "first,");
      const waiting = loop.next();
      await b.write("second");
      assert.equal(await textOf(waiting), "second");
      await loop.return?.();
      await b.write("third");
      assert.equal(text(await a.read()), "third");
      const view = a.readable.getReader({ mode: "byob" });
      const filled = view.read(new Uint8Array(8));
      await b.write("fourth");
      assert.equal(Buffer.from((await filled).value ?? []).toString(), "fourth");
    }),

    onPair(`readable: while ${name} waits, the connection's reads are refused`, async ({ a, b }) => {
      const loop = loopOver(a);
      const waiting = loop.next();
      await stillPending(waiting);
      await fails(a.read(), "ERR_BUSY");
      await b.write("the loop's");
      assert.equal(await textOf(waiting), "the loop's");
      const own = a.read();
      await fails(loop.next(), "ERR_BUSY");
      assert.equal((await loop.next()).done, true);
      assert.equal(a.readable.locked, false);
      await b.write("the connection's");
      assert.equal(text(await own), "the connection's");
    }),

    onPair(`readable: ${name} fails with the peer's reset, after the bytes before it`, async (pair) => {
      const { a, b, resets } = pair;
      const loop = loopOver(a);
      await b.write("whole");
      await until(() => a.readableLength === 5);
      b.reset();
      await Promise.allSettled([resets ? a.closed : b.closed]);
      assert.equal(await textOf(loop.next()), "whole");
      if (resets) {
        const error = await fails(loop.next(), "ECONNRESET");
        assert.equal(error.operation, "read");
        assert.equal(await rejection(a.readable.getReader().read()), error);
      }
      assert.equal((await loop.next()).done, true);
    }),

    onPair(`readable: ${name} that waits ends with closeRead, and fails with close`, async ({ a, b }) => {
      const waiting = loopOver(a).next();
      await stillPending(waiting);
      a.closeRead();
      assert.equal((await waiting).done, true);
      assert.equal(a.readable.locked, false);
      const other = loopOver(b);
      const pull = other.next();
      await stillPending(pull);
      b.reset();
      await fails(pull, "ERR_CLOSED");
      assert.equal((await other.next()).done, true);
      assert.equal(b.readable.locked, false);
    }),

    onTimedPair(
      `readable: a timeout of ${name} fails both streams and resets the connection`,
      async ({ a, clock }) => {
        const { closed } = a.writable.getWriter();
        const failing = rejection(closed);
        const loop = loopOver(a);
        const pull = rejection(loop.next());
        await clock.advance(50);
        const error = await pull;
        assert.ok(error instanceof NetTimeoutError);
        assert.equal(await failing, error);
        assert.equal((await loop.next()).done, true);
        await a.closed.catch(() => undefined);
        await fails(a.write("late"), "ERR_CLOSED");
      },
      { readTimeout: 50 },
    ),
  ];
}

/** Loops over `readable`. */
export const webIterated: readonly ContractCase[] = LOOPS.flatMap(casesOf);
