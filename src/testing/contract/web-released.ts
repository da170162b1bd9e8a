import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ReadableStreamDefaultReader } from "node:stream/web";
import type { Connection } from "../../index.js";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, stillPending, text, until } from "./expectations.js";

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

function asText({ value }: Read): string {
  return value === undefined ? "nothing" : Buffer.from(value).toString();
}

/** A reader of either kind: one that brings its own buffer of four bytes, or one that does not. */
function readerOf(
  { readable }: Connection,
  byob: boolean,
): { read: () => Promise<Read>; release: () => void } {
  if (!byob) {
    const reader = readable.getReader();
    return { read: () => reader.read(), release: () => reader.releaseLock() };
  }
  const reader = readable.getReader({ mode: "byob" });
  return {
    read: async () => await reader.read(new Uint8Array(4)),
    release: () => reader.releaseLock(),
  };
}

/** A reader that is released while its read waits. */
async function letGo(connection: Connection, byob: boolean): Promise<void> {
  const reader = readerOf(connection, byob);
  const read = reader.read();
  await stillPending(read);
  reader.release();
  assert.equal(((await rejection(read)) as Error).name, "TypeError");
}

/** Readers of `readable` that are released while they wait. The stream's own read goes on: it is not told. */
export const webReleased: readonly ContractCase[] = [
  onPair(
    "readable: a reader that is released while it waits loses no byte: the next reader gets them",
    async ({ a, b }) => {
      for (const before of [false, true]) {
        for (const after of [false, true]) {
          for (const early of [true, false]) {
            await letGo(a, before);
            const second = readerOf(a, after);
            const waiting = early ? second.read() : undefined;
            const arrived = a.bytesRead + 8;
            await b.write("abcdefgh");
            await until(() => a.bytesRead === arrived);
            let got = "";
            for (let next = await (waiting ?? second.read()); ; next = await second.read()) {
              got += Buffer.from(next.value ?? []).toString();
              if (got.length >= 8) break;
            }
            assert.equal(got, "abcdefgh");
            second.release();
          }
        }
      }
    },
  ),

  onPair("readable: when a reader is released while it waits, the connection reads on", async ({ a, b }) => {
    for (const byob of [false, true]) {
      await letGo(a, false);
      const waiting = a.read();
      await b.write("abcdefgh");
      assert.equal(text(await waiting), "abcdefgh");
      const next = readerOf(a, byob);
      const later = next.read();
      await b.write("and");
      assert.equal(asText(await later), "and");
      await b.write("on");
      await until(() => a.readableLength === 2);
      assert.equal(asText(await next.read()), "on");
      next.release();
    }
  }),

  onPair("readable: what arrives when its reader has been released is the connection's", async ({ a, b }) => {
    await letGo(a, false);
    await b.write("first,");
    await until(() => a.bytesRead === 6);
    const waiting = a.readExactly(12, { timeout: 1_000 });
    await b.write("second");
    assert.equal(text(await waiting), "first,second");
  }),

  onPair(
    "readable: the buffer of a released reader is still filled, for the next reader",
    async ({ a, b }) => {
      await letGo(a, true);
      await fails(a.read(), "ERR_BUSY");
      await b.write("abcdefgh");
      await until(() => a.bytesRead === 8);
      const next = readerOf(a, false);
      assert.equal(asText(await next.read()), "abcd");
      assert.equal(text(await a.read()), "efgh");
    },
  ),

  ...[false, true].map((byob) =>
    onTimedPair(
      `readable: the readTimeout does not strike a reader ${byob ? "with a buffer " : ""}that was let go`,
      async ({ a, b, clock }) => {
        await letGo(a, byob);
        await clock.advance(1_000);
        await b.write("alive");
        assert.equal(asText(await readerOf(a, false).read()).slice(0, 4), "aliv");
        await a.write("and well");
        assert.equal(text(await b.read({ timeout: 10_000 })), "and well");
      },
      { readTimeout: 50 },
    ),
  ),
];
