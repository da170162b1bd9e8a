import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ReadableStream } from "node:stream/web";
import { onPair, type ContractCase } from "./contract-case.js";
import { rejection, sameBytes, stillPending, text, until } from "./expectations.js";
import { pattern } from "./payloads.js";

/** Whether this Node knows the `min` of such a read. */
async function knowsMin(): Promise<boolean> {
  const stream = new ReadableStream({
    type: "bytes",
    pull: (controller) => controller.enqueue(Buffer.alloc(1)),
  });
  const { value } = await stream.getReader({ mode: "byob" }).read(new Uint8Array(2), { min: 2 });
  return value?.length === 2;
}

/** Memory full of nines, and a view of some of it. */
function nines(size: number, from: number, length: number): Uint8Array {
  return new Uint8Array(new Uint8Array(size).fill(9).buffer, from, length);
}

/** Readers that bring their own buffer. */
export const webByob: readonly ContractCase[] = [
  ...[false, true].map((waits) =>
    onPair(
      `readable fills the buffer of its reader in place, ${waits ? "which waits" : "from what is there"}`,
      async ({ a, b }) => {
        const reader = a.readable.getReader({ mode: "byob" });
        for (const [size, from, length] of [
          [16, 3, 8],
          [8, 0, 8],
          [9, 1, 8],
          [100_000, 70_000, 30_000],
          [16, 5, 10],
        ] as const) {
          const view = nines(size, from, length);
          if (!waits) {
            await b.write("filled!!");
            await until(() => a.readableLength === 8);
          }
          const read = reader.read(view);
          assert.equal(view.byteLength, 0);
          if (waits) {
            await stillPending(read);
            await b.write("filled!!");
          }
          const { done, value } = await read;
          assert.ok(!done);
          assert.equal(Object.getPrototypeOf(value), Uint8Array.prototype);
          assert.deepEqual([value.buffer.byteLength, value.byteOffset, value.length], [size, from, 8]);
          const expected = Buffer.alloc(size, 9);
          expected.write("filled!!", from);
          sameBytes(new Uint8Array(value.buffer), expected);
        }
      },
    ),
  ),

  onPair("readable takes no more than a reader's buffer holds", async ({ a, b }) => {
    const reader = a.readable.getReader({ mode: "byob" });
    const waiting = reader.read(new Uint8Array(3));
    await stillPending(waiting);
    await b.write("0123456789");
    assert.equal(Buffer.from((await waiting).value ?? []).toString(), "012");
    await until(() => a.readableLength === 7);
    assert.equal(Buffer.from((await reader.read(new Uint8Array(2))).value ?? []).toString(), "34");
    assert.equal(a.readableLength, 5);
    assert.equal(text(await a.read()), "56789");
  }),

  onPair("readable fills one buffer again and again with megabytes", async ({ a, b }) => {
    const sent = pattern(4 * 1024 * 1024);
    void b.write(sent);
    void b.closeWrite();
    const reader = a.readable.getReader({ mode: "byob" });
    let memory = new ArrayBuffer(50_021);
    let at = 0;
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(memory));
      assert.ok(value !== undefined);
      if (done) break;
      sameBytes(value, sent.subarray(at, at + value.length));
      at += value.length;
      memory = value.buffer;
      assert.equal(memory.byteLength, 50_021);
    }
    assert.equal(at, sent.length);
  }),

  onPair("readable fills views of other kinds by whole elements", async ({ a, b }) => {
    const reader = a.readable.getReader({ mode: "byob" });
    const words = reader.read(new Uint16Array(new ArrayBuffer(12), 2, 4));
    await stillPending(words);
    await b.write(Buffer.of(1));
    await until(() => a.bytesRead === 1);
    await stillPending(words);
    await b.write(Buffer.of(2));
    const { value } = await words;
    assert.ok(value instanceof Uint16Array);
    assert.deepEqual([value.byteOffset, value.length, value.buffer.byteLength], [2, 1, 12]);
    assert.deepEqual(Buffer.from(value.buffer, value.byteOffset, 2), Buffer.of(1, 2));
    await b.write(Buffer.of(3, 4, 5, 6, 7));
    await until(() => a.readableLength === 5);
    const floats = await reader.read(new Float32Array(9));
    assert.deepEqual([floats.value?.length, floats.value?.buffer.byteLength], [1, 36]);
    const view = await reader.read(new DataView(new ArrayBuffer(4), 1, 2));
    assert.deepEqual([view.value?.byteOffset, view.value?.byteLength, view.value?.getUint8(0)], [1, 1, 7]);
  }),

  onPair("readable gives the bytes beyond whole elements to the next reader", async ({ a, b }) => {
    const reader = a.readable.getReader({ mode: "byob" });
    await b.write("abcde");
    await until(() => a.readableLength === 5);
    const { value } = await reader.read(new Uint16Array(8));
    assert.equal(value?.length, 2);
    reader.releaseLock();
    const rest = await a.readable.getReader().read();
    assert.equal(Buffer.from(rest.value ?? []).toString(), "e");
  }),

  onPair("readable waits for the min of a read, where Node knows it", async ({ a, b }) => {
    if (!(await knowsMin())) return;
    const reader = a.readable.getReader({ mode: "byob" });
    const read = reader.read(nines(20, 2, 10), { min: 4 });
    for (const byte of ["a", "b", "c"]) {
      const arrived = a.bytesRead + 1;
      await b.write(byte);
      await until(() => a.bytesRead === arrived);
      await stillPending(read);
    }
    await b.write("de");
    const { value } = await read;
    assert.deepEqual([value?.byteOffset, value?.buffer.byteLength], [2, 20]);
    assert.equal(Buffer.from(value ?? []).toString(), "abcde");
    const last = reader.read(new Uint8Array(10), { min: 4 });
    await b.write("xy");
    await until(() => a.bytesRead === 7);
    await stillPending(last);
    await b.closeWrite();
    const end = await last;
    assert.equal(Buffer.from(end.value ?? []).toString(), "xy");
    await reader.closed;
    assert.equal((await reader.read(new Uint8Array(1))).done, true);
  }),

  ...[false, true].map((waits) =>
    onPair(
      `readable gives a reader's buffer back at the end, ${waits ? "to one that waits" : "which was there before"}`,
      async ({ a, b }) => {
        const reader = a.readable.getReader({ mode: "byob" });
        const ended = async (): Promise<void> => {
          await b.closeWrite();
          await assert.rejects(a.readExactly(1));
        };
        if (!waits) await ended();
        const reads = [reader.read(nines(16, 4, 8)), reader.read(nines(6, 1, 5))];
        if (waits) {
          await stillPending(Promise.race(reads));
          await b.closeWrite();
        }
        for (const [at, [size, from]] of [
          [16, 4],
          [6, 1],
        ].entries()) {
          const read = await reads[at];
          assert.equal(read?.done, true);
          assert.deepEqual(
            [read.value?.length, read.value?.byteOffset, read.value?.buffer.byteLength],
            [0, from, size],
          );
        }
        await reader.closed;
        const again = await reader.read(new Uint8Array(5));
        assert.deepEqual([again.done, again.value?.length, again.value?.buffer.byteLength], [true, 0, 5]);
        await a.write("open");
        assert.equal(text(await b.read()), "open");
      },
    ),
  ),

  onPair(
    "readable: half an element at the end is an error of its reader, not of the connection",
    async (pair) => {
      const { a, b } = pair;
      const reader = a.readable.getReader({ mode: "byob" });
      const read = reader.read(new Uint16Array(4));
      await b.write("x");
      await until(() => a.bytesRead === 1);
      await stillPending(read);
      await b.closeWrite();
      assert.equal(((await rejection(read)) as Error).name, "TypeError");
      assert.equal(((await rejection(reader.closed)) as Error).name, "TypeError");
      await a.write("open");
      assert.equal(text(await b.read()), "open");
      await a.closeWrite();
      await Promise.all([a.closed, b.closed]);
    },
  ),

  onPair("readable: cancel gives a reader that waits its end, at once", async ({ a, b }) => {
    const reader = a.readable.getReader({ mode: "byob" });
    const waiting = reader.read(new Uint8Array(8));
    await stillPending(waiting);
    await reader.cancel("enough");
    const { done, value } = await waiting;
    assert.deepEqual([done, value], [true, undefined]);
    await b.write("into the void");
    await a.write("open");
    assert.equal(text(await b.read()), "open");
  }),

  onPair("readable: closeRead gives a reader that waits its end and its buffer", async ({ a }) => {
    const reader = a.readable.getReader({ mode: "byob" });
    const waiting = reader.read(new Uint8Array(8));
    await stillPending(waiting);
    a.closeRead();
    const { done, value } = await waiting;
    assert.deepEqual([done, value?.length, value?.buffer.byteLength], [true, 0, 8]);
  }),

  onPair("readable refuses empty buffers, and such as are no views, and lives on", async ({ a, b }) => {
    const reader = a.readable.getReader({ mode: "byob" });
    for (const view of [new Uint8Array(0), "text", 5, undefined] as Uint8Array[])
      assert.match(((await rejection(reader.read(view))) as Error).name, /Error$/u);
    await b.write("unharmed");
    assert.equal(Buffer.from((await reader.read(new Uint8Array(9))).value ?? []).toString(), "unharmed");
  }),
];
