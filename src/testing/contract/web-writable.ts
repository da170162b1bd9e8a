import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ReadableStream, type WritableStreamDefaultWriter } from "node:stream/web";
import { NetTimeoutError, type Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, timesOut, turn } from "./expectations.js";
import { clog, pattern } from "./payloads.js";

const KIB = 1024;
const GONE = ["ECONNRESET", "EPIPE"];

/** A writer that takes all that a connection takes: text, too, which the type of `writable` does not say. */
function writerOf(connection: Connection): WritableStreamDefaultWriter<unknown> {
  return connection.writable.getWriter();
}

/** Writes until the peer is known to be gone. */
async function writeUntilItFails(writer: WritableStreamDefaultWriter<unknown>): Promise<void> {
  for (let tries = 0; tries < 10_000; tries++) {
    await writer.write("are you there?");
    await turn();
  }
}

/** The sending half as a stream of the web platform. */
export const webWritable: readonly ContractCase[] = [
  onPair("writable takes text and every kind of view", async ({ a, b }) => {
    const writer = writerOf(a);
    const memory = Buffer.from("__0123456789abcdef__");
    const part = new Uint8Array(memory).slice().buffer;
    await writer.write("text, é and 𝄞,");
    await writer.write(memory.subarray(2, 4));
    await writer.write(new Uint8Array(part, 4, 2));
    await writer.write(new Uint16Array(part, 6, 1));
    await writer.write(new DataView(part, 8, 2));
    await writer.write(new Float64Array(part.slice(10, 18)));
    await writer.write("");
    await writer.write(new Uint8Array(0));
    await writer.close();
    assert.equal((await b.readAll()).toString(), "text, é and 𝄞,0123456789abcdef");
  }),

  onPair("writable keeps the order of what it takes, awaited or not", async ({ a, b }) => {
    const writer = writerOf(a);
    const sent = pattern(1_000_000);
    const writes: Promise<void>[] = [];
    for (let at = 0, size = 1; at < sent.length; at += size, size = (size * 7) % 99_991)
      writes.push(writer.write(sent.subarray(at, at + size)));
    void writer.close();
    sameBytes(await b.readAll(), sent);
    await Promise.all(writes);
    await writer.closed;
  }),

  onPair(
    "writable and the connection's own writes are sent in the order they were made",
    async ({ a, b }) => {
      const writer = writerOf(a);
      void a.write("1,");
      await writer.write("2,");
      void a.write("3,");
      await writer.write("4,");
      void writer.write("5,");
      await a.write("6,");
      void a.write("7");
      await writer.close();
      assert.equal((await b.readAll()).toString(), "1,2,3,4,5,6,7");
    },
  ),

  onPair("writable: a write settles when the kernel has taken it", async ({ a, b }) => {
    const writer = writerOf(a);
    const written = writer.write(clog());
    await stillPending(written);
    assert.ok(a.writableLength > 0);
    sameBytes(await b.readExactly(clog().length), clog());
    await written;
    assert.equal(a.writableLength, 0);
  }),

  onPair(
    "writable: desiredSize counts bytes, and a writer waits while the peer does not read",
    async (pair) => {
      const { a, b } = pair;
      const writer = writerOf(a);
      assert.equal(writer.desiredSize, 64 * KIB);
      await writer.ready;
      await writer.write("é");
      assert.equal(writer.desiredSize, 64 * KIB);
      const big = writer.write(clog());
      assert.equal(writer.desiredSize, 64 * KIB - clog().length);
      const { ready } = writer;
      await stillPending(ready);
      const queued = writer.write("ééé");
      assert.equal(writer.desiredSize, 64 * KIB - clog().length - 6);
      await b.readExactly(2);
      sameBytes(await b.readExactly(clog().length), clog());
      await Promise.all([ready, big, queued]);
      assert.equal(writer.desiredSize, 64 * KIB);
      assert.equal(text(await b.readExactly(6)), "ééé");
    },
  ),

  onPair("writable: close sends FIN after what was written, and reading goes on", async ({ a, b }) => {
    const writer = writerOf(a);
    void writer.write("last ");
    void writer.write("words");
    await writer.close();
    await writer.closed;
    assert.equal((await b.readAll()).toString(), "last words");
    await b.write("answer");
    assert.equal(text(await a.read()), "answer");
    assert.equal((await fails(a.write("late"), "ERR_CLOSED")).written, "nothing");
    // Node 20 throws, from any stream that is closed.
    await rejection(new Promise((resolve) => resolve(writer.write("late"))));
    assert.equal(((await rejection(writer.close())) as Error).name, "TypeError");
    await b.close();
    await a.closed;
    await writer.closed;
  }),

  onPair("writable: close waits for a peer that does not read", async ({ a, b }) => {
    const writer = writerOf(a);
    void writer.write(clog());
    const closing = writer.close();
    await stillPending(closing);
    sameBytes(await b.readAll({ limit: Infinity }), clog());
    await closing;
  }),

  onPair("writable: a pipe into it closes it, unless told not to", async ({ a, b }) => {
    const sent = pattern(500_000);
    const source = () =>
      new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (let at = 0; at < sent.length; at += 70_001) controller.enqueue(sent.subarray(at, at + 70_001));
          controller.close();
        },
      });
    void source().pipeTo(a.writable, { preventClose: true });
    sameBytes(await b.readExactly(sent.length), sent);
    await a.write("between");
    assert.equal(text(await b.readExactly(7)), "between");
    const [received] = await Promise.all([b.readAll(), source().pipeTo(a.writable)]);
    sameBytes(received, sent);
  }),

  onPair("writable: abort resets the connection", async ({ a, b, resets }) => {
    const writer = writerOf(a);
    const reader = a.readable.getReader();
    const reading = reader.read();
    const waiting = b.read();
    await stillPending(Promise.race([waiting, reading]));
    const reason = new Error("changed my mind");
    await writer.abort(reason);
    assert.equal(await rejection(writer.closed), reason);
    assert.equal(await rejection(writer.write("late")), reason);
    if (resets) await fails(waiting, "ECONNRESET");
    else assert.equal(await waiting, null);
    await fails(reading, "ERR_CLOSED");
    await fails(a.write("late"), "ERR_CLOSED");
    await a.closed;
  }),

  onPair("writable: abort resets at once although a write waits for the peer", async ({ a, b }) => {
    const writer = writerOf(a);
    const writes = [writer.write(clog()), writer.write("queued")];
    void Promise.allSettled(writes);
    await stillPending(Promise.race(writes));
    await Promise.race([writer.abort("enough"), patience()]);
    assert.equal(await rejection(writer.closed), "enough");
    for (const write of writes) await rejection(write);
    await a.closed;
    await Promise.allSettled([b.readAll({ limit: Infinity })]);
    assert.ok(b.bytesRead < clog().length);
  }),

  onPair("writable: abort resets at once although close waits for the peer", async ({ a }) => {
    const writer = writerOf(a);
    const ending = [writer.write(clog()), writer.close()];
    void Promise.allSettled(ending);
    await stillPending(Promise.race(ending));
    await Promise.race([writer.abort("enough"), patience()]);
    for (const promise of ending) await rejection(promise);
    await a.closed;
  }),

  onPair(
    "writable: a pipe that is aborted waits for what it is writing, at most the writeTimeout",
    async ({ a, b }) => {
      const block = pattern(1_000_000);
      const source = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(block)),
      });
      const controller = new AbortController();
      const reason = new Error("stop the pipe");
      const piping = source.pipeTo(a.writable, { signal: controller.signal });
      await stillPending(piping);
      controller.abort(reason);
      const error = await rejection(piping);
      assert.ok(error === reason || error instanceof NetTimeoutError);
      await a.closed;
      await Promise.allSettled([b.readAll({ limit: Infinity })]);
    },
    { writeTimeout: 50 },
  ),

  ...Object.entries({
    null: null,
    undefined: undefined,
    "an object": {},
    "an iterator": ["a"].values(),
    "a number": 5,
  }).map(([what, chunk]) =>
    onPair(`writable: ${what} is no chunk: it fails both streams and resets the connection`, async (pair) => {
      const { a, b, resets } = pair;
      const reader = a.readable.getReader();
      const reading = reader.read();
      const waiting = b.read();
      void Promise.allSettled([reading, waiting]);
      const writer = writerOf(a);
      const error = await rejection(writer.write(chunk));
      assert.ok(error instanceof TypeError);
      assert.equal((error as { code?: unknown }).code, "ERR_INVALID_ARG_TYPE");
      assert.equal(await rejection(writer.closed), error);
      await Promise.race([Promise.allSettled([reading]), patience()]);
      await rejection(reading);
      if (resets) await fails(waiting, "ECONNRESET");
      else assert.equal(await waiting, null);
      await a.closed;
    }),
  ),

  onPair("writable: a peer that has gone fails it with the NetError of the connection", async ({ a, b }) => {
    const writer = writerOf(a);
    b.reset();
    const writing = writeUntilItFails(writer);
    const { code } = await fails(writing, ...GONE);
    const error = await fails(writer.closed, code);
    assert.equal(await rejection(writer.ready), error);
    assert.equal(await rejection(writer.write("late")), error);
    await fails(a.closed, ...GONE);
  }),

  onPair("writable: a peer that goes while it is clogged fails what waits", async ({ a, b }) => {
    const writer = writerOf(a);
    const writes = [writer.write(clog()), writer.write("queued"), writer.close()];
    void Promise.allSettled(writes);
    await stillPending(Promise.race(writes));
    b.reset();
    for (const write of writes) await fails(write, ...GONE);
    await fails(writer.closed, ...GONE);
  }),

  onPair(
    "writable: the writeTimeout fails both streams and resets the connection",
    async ({ a, b, resets }) => {
      const reader = a.readable.getReader();
      const reading = reader.read();
      void Promise.allSettled([reading]);
      const writer = writerOf(a);
      const error = await timesOut(writer.write(clog()));
      assert.deepEqual([error.operation, error.written], ["write", "partly"]);
      assert.equal(await rejection(writer.closed), error);
      await rejection(reading);
      await a.closed;
      const received = await Promise.allSettled([b.readAll({ limit: Infinity })]);
      if (resets) assert.equal(received[0].status, "rejected");
      assert.ok(b.bytesRead < clog().length);
    },
    { writeTimeout: 100 },
  ),

  onPair(
    "writable: the connection's closeWrite fails what is written later, and loses nothing",
    async (pair) => {
      const { a, b } = pair;
      const writer = writerOf(a);
      const written = a.write(clog());
      const closing = a.closeWrite();
      void Promise.allSettled([written, closing]);
      await fails(writer.write("late"), "ERR_CLOSED");
      await fails(writer.closed, "ERR_CLOSED");
      sameBytes(await b.readAll({ limit: Infinity }), clog());
      await Promise.all([written, closing]);
      await b.write("reading goes on");
      assert.equal(text(await a.read()), "reading goes on");
    },
  ),

  onPair("writable: the connection's close sends what it has taken, and fails later writes", async (pair) => {
    const { a, b } = pair;
    const writer = writerOf(a);
    const written = writer.write(clog());
    const queued = writer.write("queued");
    void Promise.allSettled([queued]);
    await stillPending(written);
    const closing = a.close();
    sameBytes(await b.readExactly(clog().length), clog());
    await written;
    await fails(queued, "ERR_CLOSED");
    assert.equal(await b.read(), null);
    await b.close();
    await closing;
    await fails(writer.closed, "ERR_CLOSED");
  }),

  onPair("writable is locked to one writer", async ({ a, b }) => {
    const writer = writerOf(a);
    assert.equal(a.writable.locked, true);
    assert.throws(() => a.writable.getWriter(), { name: "TypeError" });
    writer.releaseLock();
    assert.equal(a.writable.locked, false);
    await writerOf(a).write("unharmed");
    assert.equal(text(await b.read()), "unharmed");
  }),
];

/** Rejects after what is far too long for something that happens at once. */
function patience(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("it takes too long")), 1_000).unref();
  });
}
