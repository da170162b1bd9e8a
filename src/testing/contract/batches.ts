import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Connection } from "../../index.js";
import { random } from "../random.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, text, until } from "./expectations.js";
import { pieces } from "./payloads.js";

/** Most bytes of a batch, but for its last element. */
const MAX_BATCH_BYTES = 64 * 1024;

type Batches = AsyncIterableIterator<readonly (string | Buffer)[], undefined>;
type MakeBatches = (connection: Connection, options?: { readonly limit?: number }) => Batches;

/** Both loops that yield batches, over what ends with a line feed. */
const LOOPS: readonly (readonly [name: string, make: MakeBatches])[] = [
  ["lines", (connection, options) => connection.lines({ ...options, batch: true }) as Batches],
  [
    "split",
    (connection, options) => connection.split("\n", { ...options, last: true, batch: true }) as Batches,
  ],
];

async function nextOf(loop: Batches): Promise<string[] | undefined> {
  const { value } = await loop.next();
  return value?.map(String);
}

/** Loops that yield all that has arrived in lists. */
export const batches: readonly ContractCase[] = LOOPS.flatMap(([name, batchesOf]) => [
  onPair(`${name}: a batch has all that has arrived, and waits for its first element`, async ({ a, b }) => {
    const loop = batchesOf(a);
    await b.write("one\ntwo\n\nthr");
    await until(() => a.readableLength === 12);
    assert.deepEqual(await nextOf(loop), ["one", "two", ""]);
    assert.equal(a.readableLength, 3);
    const next = nextOf(loop);
    await b.write("ee\n");
    assert.deepEqual(await next, ["three"]);
  }),

  onPair(`${name}: what is in no batch stays unread when the loop is left`, async ({ a, b }) => {
    await b.write("one\ntwo\nrest");
    await until(() => a.readableLength === 12);
    for await (const batch of batchesOf(a)) {
      assert.deepEqual(batch.map(String), ["one", "two"]);
      break;
    }
    assert.equal(text(await a.readExactly(4)), "rest");
    await b.write("three\n");
    assert.equal(await a.readLine(), "three");
  }),

  onPair(`${name}: the elements before one that is refused are a batch of their own`, async ({ a, b }) => {
    const loop = batchesOf(a, { limit: 4 });
    await b.write("one\ntwo\nthree\nfour\n");
    await until(() => a.readableLength === 19);
    assert.deepEqual(await nextOf(loop), ["one", "two"]);
    await fails(loop.next(), "ERR_LIMIT");
    await fails(loop.next(), "ERR_LIMIT");
    assert.equal(await a.readLine(), "three");
    assert.deepEqual(await nextOf(loop), ["four"]);
  }),

  onPair(`${name}: the end of the stream is behind the last batch`, async ({ a, b }) => {
    await b.write("one\nlast");
    await b.closeWrite();
    const got: string[] = [];
    const loop = batchesOf(a);
    for await (const batch of loop) {
      assert.notEqual(batch.length, 0);
      got.push(...batch.map(String));
    }
    assert.deepEqual(got, ["one", "last"]);
    assert.deepEqual(await loop.next(), { value: undefined, done: true });
  }),

  onPair(`${name}: batches hold the same as a loop without them, however it is cut`, async ({ a, b }) => {
    const numbers = random(7);
    const sent = Array.from({ length: 2_000 }, () => "é".repeat(numbers(40)));
    const all = Buffer.from(sent.map((line) => `${line}\n`).join(""));
    const writing = (async () => {
      for (const piece of pieces(all, 2_000)) await b.write(piece);
      await b.closeWrite();
    })();
    const got: string[] = [];
    for await (const batch of batchesOf(a)) got.push(...batch.map(String));
    await writing;
    assert.deepEqual(got, sent);
  }),

  onPair(`${name}: a batch ends once it has 64 KiB`, async ({ a, b }) => {
    const line = `${"x".repeat(999)}\n`;
    const writing = b.write(line.repeat(1_000)).then(() => b.closeWrite());
    let count = 0;
    for await (const batch of batchesOf(a)) {
      assert.ok(batch.length * line.length < MAX_BATCH_BYTES + line.length, String(batch.length));
      count += batch.length;
    }
    await writing;
    assert.equal(count, 1_000);
  }),
]);
