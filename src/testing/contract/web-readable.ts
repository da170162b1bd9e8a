import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { WritableStream, type ReadableStream, type ReadableStreamDefaultReader } from "node:stream/web";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import type { Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { rejection, sameBytes, stillPending, text, turn, until } from "./expectations.js";
import { clog, pattern } from "./payloads.js";

/** All that a stream gives until it ends. */
async function all(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** One read of a reader that is released afterwards, as text. */
async function once(connection: Connection): Promise<string> {
  const reader = connection.readable.getReader();
  const read = await reader.read();
  reader.releaseLock();
  return asText(read);
}

type Read = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

function asText({ value }: Read): string {
  return value === undefined ? "nothing" : Buffer.from(value).toString();
}

function isOver({ done, value }: Read): void {
  assert.deepEqual([done, value], [true, undefined]);
}

/** Transfers the memory of bytes, as posting them to a worker does. */
function transferred(bytes: Uint8Array): Uint8Array {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(bytes, [bytes.buffer as ArrayBuffer]);
  const { message } = receiveMessageOnPort(port2) as { message: Uint8Array };
  port1.close();
  return message;
}

/** The receiving half as a stream of the web platform. */
export const webReadable: readonly ContractCase[] = [
  onPair("readable gives what was sent, then its end, and writing goes on", async ({ a, b }) => {
    const sent = pattern(300_000);
    void b.write(sent);
    void b.closeWrite();
    const reader = a.readable.getReader();
    const got: Uint8Array[] = [];
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      assert.equal(Object.getPrototypeOf(next.value), Uint8Array.prototype);
      assert.ok(next.value.length > 0);
      got.push(next.value);
    }
    sameBytes(Buffer.concat(got), sent);
    await reader.closed;
    isOver(await reader.read());
    await a.write("still writable");
    assert.equal(text(await b.read()), "still writable");
  }),

  onPair(
    "readable: a read that waits gets what arrives, one that comes later what is there",
    async (pair) => {
      const { a, b } = pair;
      const reader = a.readable.getReader();
      const waiting = reader.read();
      await stillPending(waiting);
      await b.write("arrives");
      assert.equal(asText(await waiting), "arrives");
      await b.write("is there");
      await until(() => a.readableLength === 8);
      assert.equal(asText(await reader.read()), "is there");
      const reads = [reader.read(), reader.read(), reader.read()];
      for (const word of ["one", "two", "three"]) {
        const arrived = a.bytesRead + word.length;
        await b.write(word);
        await until(() => a.bytesRead === arrived);
      }
      const got = (await Promise.all(reads)).map(({ value }) => Buffer.from(value ?? []).toString());
      assert.deepEqual(got, ["one", "two", "three"]);
    },
  ),

  onPair("readable takes nothing before its reader reads", async ({ a, b }) => {
    const reader = a.readable.getReader();
    await b.write("untouched");
    await until(() => a.readableLength === 9);
    for (let turns = 0; turns < 5; turns++) await turn();
    assert.equal(a.readableLength, 9);
    assert.equal(text(await a.read()), "untouched");
    reader.releaseLock();
    assert.equal(a.readable.locked, false);
  }),

  onPair("readable reads nothing ahead: after one read the rest is the connection's", async ({ a, b }) => {
    const sent = pattern(500_000);
    void b.write(sent);
    void b.closeWrite();
    const reader = a.readable.getReader();
    const { value } = await reader.read();
    sameBytes(Buffer.concat([value ?? Buffer.alloc(0), await a.readAll()]), sent);
    isOver(await reader.read());
  }),

  onPair("readable holds the sender back while it is not read", async ({ a, b }) => {
    const reader = a.readable.getReader();
    const written = b.write(clog());
    await reader.read();
    await stillPending(written);
    assert.ok(a.readableLength <= 128 * 1024, String(a.readableLength));
    reader.releaseLock();
    void b.closeWrite();
    assert.ok((await all(a.readable)).length < clog().length);
    await written;
  }),

  ...[10, 4_096, 5_000, 40_000, 64 * 1024, 300_000].map((size) =>
    onPair(`readable: chunks of ${String(size)} bytes are in memory of their own`, async ({ a, b }) => {
      const sent = pattern(size);
      const reader = a.readable.getReader();
      const kept: Buffer[] = [];
      const given: Uint8Array[] = [];
      const pool = Buffer.from("in the pool of Node");
      for (const waits of [false, true, false]) {
        void b.write("line\n");
        void b.write(["head", sent]);
        if (!waits) await until(() => a.readableLength >= Math.min(9 + size, 64 * 1024));
        assert.equal(await a.readLine(), "line");
        kept.push(await a.readExactly(4));
        let left = size;
        for (let turns = 0; left > 0; turns++) {
          if (turns % 2 === 1) {
            const bytes = await a.readExactly(Math.min(left, 3));
            given.push(bytes);
            left -= bytes.length;
          } else {
            const chunk = (await reader.read()).value;
            assert.ok(chunk !== undefined);
            left -= chunk.length;
            assert.equal(chunk.buffer.byteLength, chunk.length);
            given.push(transferred(chunk));
            assert.equal(chunk.length, 0);
          }
        }
      }
      for (const bytes of kept) assert.equal(text(bytes), "head");
      sameBytes(Buffer.concat(given), Buffer.concat([sent, sent, sent]));
      assert.equal(text(pool), "in the pool of Node");
      assert.equal(Buffer.from("the pool is still there").toString(), "the pool is still there");
    }),
  ),

  onPair("readable is locked to one reader, whose closed rejects when it is released", async ({ a, b }) => {
    assert.equal(a.readable.locked, false);
    const reader = a.readable.getReader();
    assert.equal(a.readable.locked, true);
    assert.throws(() => a.readable.getReader(), { name: "TypeError" });
    assert.throws(() => a.readable.tee(), { name: "TypeError" });
    assert.equal(((await rejection(a.readable.cancel())) as Error).name, "TypeError");
    reader.releaseLock();
    assert.equal(((await rejection(reader.closed)) as Error).name, "TypeError");
    assert.equal(((await rejection(reader.read())) as Error).name, "TypeError");
    await b.write("unharmed");
    assert.equal(await once(a), "unharmed");
  }),

  onPair("readable: cancel ends reading, and the peer goes on writing and reading", async ({ a, b }) => {
    const reader = a.readable.getReader();
    const waiting = reader.read();
    await stillPending(waiting);
    await reader.cancel(new Error("enough"));
    isOver(await waiting);
    await reader.closed;
    await b.write(clog());
    assert.equal(await a.read(), null);
    await a.write("writing goes on");
    assert.equal(text(await b.read()), "writing goes on");
    await Promise.all([a.closeWrite(), b.closeWrite()]);
    await Promise.all([a.closed, b.closed]);
  }),

  onPair("readable: cancel drops what had arrived, also with no reader", async ({ a, b }) => {
    await b.write("dropped");
    await until(() => a.readableLength === 7);
    await a.readable.cancel("no reader");
    assert.equal(a.readableLength, 0);
    isOver(await a.readable.getReader().read());
  }),

  onPair(
    "readable: the connection's closeRead ends it, for a reader that waits and for a later one",
    async (pair) => {
      const { a, b } = pair;
      const [waiting, later] = [a.readable.getReader(), b.readable.getReader()];
      const read = waiting.read();
      await stillPending(read);
      a.closeRead();
      isOver(await read);
      await waiting.closed;
      b.closeRead();
      isOver(await later.read());
      await later.closed;
      await Promise.all([a.write("into the void"), b.write("as well")]);
    },
  ),

  onPair("readable: tee delivers everything to both branches", async ({ a, b }) => {
    const sent = pattern(300_000);
    void b.write(sent);
    void b.closeWrite();
    const [one, two] = a.readable.tee();
    const [first, second] = await Promise.all([all(one), all(two)]);
    sameBytes(first, sent);
    sameBytes(second, sent);
    assert.equal(a.readable.locked, true);
  }),

  onPair(
    "readable: the cancel of one branch of a tee leaves the other, that of both ends reading",
    async (pair) => {
      const { a, b } = pair;
      const [one, two] = a.readable.tee();
      const cancelled = one.cancel("one");
      await b.write("for two");
      const reader = two.getReader();
      assert.equal(asText(await reader.read()), "for two");
      await Promise.all([reader.cancel("two"), cancelled]);
      assert.equal(await a.read(), null);
      await b.write("never read");
      await a.write("open");
      assert.equal(text(await b.read()), "open");
    },
  ),

  onPair("readable is iterated over; break ends reading", async ({ a, b }) => {
    void b.write(clog());
    for await (const chunk of a.readable) {
      sameBytes(chunk, clog().subarray(0, chunk.length));
      break;
    }
    assert.equal(a.readable.locked, false);
    assert.equal(await a.read(), null);
    await a.write("open");
    assert.equal(text(await b.read()), "open");
  }),

  onPair("readable: break with preventCancel leaves the rest to the next reader", async ({ a, b }) => {
    const sent = pattern(500_000);
    void b.write(sent);
    void b.closeWrite();
    const got: Uint8Array[] = [];
    for (let rounds = 0; rounds < 2; rounds++) {
      for await (const chunk of a.readable.values({ preventCancel: true })) {
        got.push(chunk);
        break;
      }
      got.push(await a.readExactly(1_000));
    }
    got.push(await all(a.readable));
    sameBytes(Buffer.concat(got), sent);
  }),

  onPair("readable: pipeTo carries everything and closes its target", async ({ a, b }) => {
    const sent = pattern(500_000);
    void b.write(sent);
    void b.closeWrite();
    const got: Uint8Array[] = [];
    let closed = 0;
    const target = new WritableStream<Uint8Array>({
      write: (chunk) => void got.push(chunk),
      close: () => {
        closed++;
      },
    });
    await a.readable.pipeTo(target);
    sameBytes(Buffer.concat(got), sent);
    assert.equal(closed, 1);
  }),

  onPair("readable: a pipe that is aborted ends reading", async ({ a, b }) => {
    const controller = new AbortController();
    const piping = a.readable.pipeTo(new WritableStream(), { signal: controller.signal });
    await stillPending(piping);
    const reason = new Error("stop the pipe");
    controller.abort(reason);
    assert.equal(await rejection(piping), reason);
    assert.equal(await a.read(), null);
    await b.write(clog());
    await a.write("open");
    assert.equal(text(await b.read()), "open");
  }),

  onPair("readable: a pipe that is aborted with preventCancel loses nothing", async ({ a, b }) => {
    const got: Uint8Array[] = [];
    const sent = pattern(200_000);
    const controller = new AbortController();
    const target = new WritableStream<Uint8Array>({ write: (chunk) => void got.push(chunk) });
    const { signal } = controller;
    const piping = a.readable.pipeTo(target, { signal, preventCancel: true, preventAbort: true });
    await b.write(sent.subarray(0, 1_000));
    await until(() => got.length > 0);
    controller.abort();
    assert.equal(((await rejection(piping)) as Error).name, "AbortError");
    void b.write(sent.subarray(1_000));
    void b.closeWrite();
    got.push(await all(a.readable));
    sameBytes(Buffer.concat(got), sent);
  }),

  onPair("readable: what a failing target leaves is cancelled", async ({ a, b }) => {
    const broken = new Error("no space left");
    const target = new WritableStream<Uint8Array>({ write: () => Promise.reject(broken) });
    const failing = rejection(a.readable.pipeTo(target));
    await b.write("one");
    assert.equal(await failing, broken);
    assert.equal(await a.read(), null);
  }),
];
