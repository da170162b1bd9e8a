import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { delimited, framed, lengthPrefixed, type Codec, type Connection } from "../../index.js";
import { random } from "../random.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, text, until } from "./expectations.js";
import { endingWith, measured } from "./own-codec.js";
import { frame, pattern, pieces } from "./payloads.js";

/** Most bytes of a batch, but for its last element. */
const MAX_BATCH_BYTES = 64 * 1024;

type Batches = AsyncIterableIterator<readonly (string | Buffer)[], undefined>;
type MakeBatches = (connection: Connection, options?: { readonly limit?: number }) => Batches;

/**
 * Every loop that yields batches, over what ends with a line feed; and what the last element must end with. The limits are for
 * what is before the line feed.
 */
const LOOPS: readonly (readonly [name: string, make: MakeBatches, end: "" | "\n"])[] = [
  ["lines", (connection, options) => connection.lines({ ...options, batch: true }) as Batches, ""],
  [
    "split",
    (connection, options) => connection.split("\n", { ...options, last: true, batch: true }) as Batches,
    "",
  ],
  [
    "messages",
    (connection, options) =>
      framed(connection, delimited("\n"), { ...options, batch: true })[Symbol.asyncIterator]() as Batches,
    "\n",
  ],
  [
    "messages by an own codec",
    (connection, { limit = Infinity } = {}) => {
      const messages = framed(connection, endingWith("\n"), { limit: limit + 1, batch: true });
      return messages[Symbol.asyncIterator]() as Batches;
    },
    "\n",
  ],
];

async function nextOf(loop: Batches): Promise<string[] | undefined> {
  const { value } = await loop.next();
  return value?.map(String);
}

/** A codec of whole numbers, in lines, which throws for anything else. */
const NUMBERS: Codec<number> = {
  decode(bytes) {
    const end = bytes.indexOf("\n");
    if (end === -1) return undefined;
    const line = bytes.toString("latin1", 0, end);
    if (!/^\d+$/u.test(line)) throw new SyntaxError("a digit was expected");
    return { message: Number(line), size: end + 1 };
  },
  encode: (message) => `${String(message)}\n`,
};

const ofMessages: readonly ContractCase[] = [
  onPair("what is no message is behind the batch before it, and stays unread", async ({ a, b }) => {
    const numbers = framed(a, NUMBERS, { batch: true });
    await b.write("1\n2\nsecret\n3\n4\n");
    await until(() => a.readableLength === 15);
    const loop = numbers[Symbol.asyncIterator]();
    assert.deepEqual(await loop.next(), { value: [1, 2], done: false });
    for (let times = 0; times < 2; times++) await fails(loop.next(), "ERR_INVALID_MESSAGE");
    assert.equal(await a.readLine(), "secret");
    assert.equal(await numbers.receive(), 3);
    assert.deepEqual(await loop.next(), { value: [4], done: false });
  }),

  onPair("an end or a reset within a frame is behind the batch before it", async ({ a, b, resets }) => {
    const loop = lengthPrefixed(a, { batch: true })[Symbol.asyncIterator]();
    await b.write([frame("one"), frame("two"), frame("cut off").subarray(0, 6)]);
    await until(() => a.readableLength === 20);
    if (resets) b.reset();
    else await b.closeWrite();
    await Promise.allSettled(resets ? [a.closed] : []);
    const { value } = (await loop.next()) as IteratorResult<Buffer[], undefined>;
    assert.deepEqual(value?.map(String), ["one", "two"]);
    await fails(loop.next(), resets ? "ECONNRESET" : "ERR_UNEXPECTED_EOF");
    assert.equal(a.readableLength, 6);
  }),

  onPair("frames of a batch are in memory of their own", async ({ a, b }) => {
    const payloads = [10, 3_000, 10, 70_000, 0, 100].map((size, n) => pattern(size, n + 1));
    for (const batchesOf of [
      () => lengthPrefixed(a, { batch: true }),
      () => framed(a, measured, { batch: true }),
    ]) {
      const writing = b.write(payloads.map((payload) => frame(payload)));
      const received: Buffer[] = [];
      for await (const batch of batchesOf()) {
        received.push(...batch);
        if (received.length === payloads.length) break;
      }
      await writing;
      for (const [n, payload] of payloads.entries()) {
        const got = received[n];
        sameBytes(got ?? null, payload);
        // The others are as they were.
        got?.fill(0xff);
      }
    }
  }),
];

/** Loops that yield all that has arrived in lists. */
export const batches: readonly ContractCase[] = [...ofMessages, ...LOOPS.flatMap(casesOf)];

function casesOf([name, batchesOf, end]: (typeof LOOPS)[number]): readonly ContractCase[] {
  return [
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
      await b.write(`one\nlast${end}`);
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
  ];
}
