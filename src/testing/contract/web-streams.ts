import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { CompressionStream, DecompressionStream, ReadableStream, WritableStream } from "node:stream/web";
import { once } from "node:events";
import type { Connection } from "../../index.js";
import { NetError, NetTimeoutError } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, timesOut, turn, until } from "./expectations.js";
import { clog, pattern, pieces } from "./payloads.js";
import { webByob } from "./web-byob.js";
import { webIterated } from "./web-iterated.js";
import { webReadable } from "./web-readable.js";
import { webReleased } from "./web-released.js";
import { webWritable } from "./web-writable.js";

const GONE = ["ECONNRESET", "EPIPE"];

/** A byte source of the web platform. */
function sourceOf(bytes: Buffer): ReadableStream<Uint8Array> {
  const parts = pieces(bytes, 70_000);
  return new ReadableStream({
    pull: (controller) => {
      const next = parts.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
  });
}

async function all(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function asText(read: { value?: Uint8Array | undefined }): string {
  return Buffer.from(read.value ?? []).toString();
}

/** A reader and a writer of a connection's streams. */
function both({ readable, writable }: Connection) {
  return { reader: readable.getReader(), writer: writable.getWriter() };
}

/** The unhandled rejections while `work` is done. */
async function unhandled(work: () => Promise<void>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const note = (reason: unknown) => seen.push(reason);
  process.on("unhandledRejection", note);
  try {
    await work();
    for (let turns = 0; turns < 5; turns++) await turn();
  } finally {
    process.off("unhandledRejection", note);
  }
  return seen;
}

const closings: readonly (readonly [name: string, close: (end: Connection) => unknown])[] = [
  ["close", (end) => end.close()],
  ["reset", (end) => end.reset()],
  ["detach", (end) => end.detach()],
];

const failing: readonly ContractCase[] = [
  onPair("a peer's reset fails both streams, after what had arrived before it", async ({ a, b, resets }) => {
    const { reader, writer } = both(a);
    const sent = pattern(40_000);
    await b.write(sent);
    await until(() => a.readableLength === sent.length);
    b.reset();
    if (resets) {
      await fails(a.closed, "ECONNRESET");
      await fails(writer.closed, ...GONE);
    } else await b.closed;
    const got: Uint8Array[] = [];
    for (let size = 0; size < sent.length; size += got.at(-1)?.length ?? 0)
      got.push((await reader.read()).value ?? Buffer.alloc(0));
    sameBytes(Buffer.concat(got), sent);
    if (resets) {
      await fails(reader.read(), "ECONNRESET");
      assert.equal((await fails(reader.closed, "ECONNRESET")).operation, "read");
    } else assert.equal((await reader.read()).done, true);
  }),

  onPair("a peer's reset fails a read that waits and a writer that does not", async ({ a, b, resets }) => {
    const { reader, writer } = both(a);
    const waiting = reader.read();
    await stillPending(waiting);
    b.reset();
    if (!resets) {
      assert.equal((await waiting).done, true);
      return;
    }
    const error = await fails(waiting, "ECONNRESET");
    assert.equal(await rejection(reader.closed), error);
    await fails(writer.closed, ...GONE);
    await fails(writer.write(Buffer.of(1)), ...GONE);
  }),

  onPair(
    "what arrived for a reader that was released can be read also after a reset",
    async ({ a, b, resets }) => {
      const forsaken = a.readable.getReader();
      const read = forsaken.read();
      await stillPending(read);
      forsaken.releaseLock();
      await rejection(read);
      await b.write("kept");
      await until(() => a.bytesRead === 4);
      b.reset();
      if (resets) await fails(a.closed, "ECONNRESET");
      else await b.closed;
      const reader = a.readable.getReader();
      assert.equal(asText(await reader.read()), "kept");
      if (resets) await fails(reader.read(), "ECONNRESET");
      else assert.equal((await reader.read()).done, true);
    },
  ),

  onPair("a write that fails does not drop what the peer had sent before", async ({ a, b, resets }) => {
    const { reader, writer } = both(a);
    const writing = writer.write(clog());
    void Promise.allSettled([writing]);
    await stillPending(writing);
    await b.write("the reason");
    await until(() => a.readableLength === 10);
    b.reset();
    await fails(writing, ...GONE);
    await fails(writer.closed, ...GONE);
    assert.equal(asText(await reader.read()), "the reason");
    const last = await Promise.allSettled([reader.read()]);
    if (resets) {
      assert.ok(last[0].status === "rejected" && last[0].reason instanceof NetError);
      assert.ok(GONE.includes(last[0].reason.code), last[0].reason.message);
    }
  }),

  onPair(
    "the readTimeout fails both streams with one error and resets the connection",
    async ({ a, b, resets }) => {
      const { reader, writer } = both(a);
      const error = await timesOut(reader.read());
      assert.deepEqual([error.operation, error.timeout], ["read", 50]);
      assert.equal(await rejection(reader.closed), error);
      assert.equal(await rejection(writer.closed), error);
      assert.equal(await rejection(writer.write(Buffer.of(1))), error);
      await a.closed;
      if (resets) await fails(b.read(), "ECONNRESET");
      else assert.equal(await b.read(), null);
    },
    { readTimeout: 50 },
  ),

  ...closings.flatMap(([name, close]) => [
    onPair(`a ${name} of our own fails both streams`, async ({ a, b }) => {
      const { reader, writer } = both(a);
      close(a);
      await fails(reader.read(), "ERR_CLOSED");
      await fails(writer.write(Buffer.of(1)), "ERR_CLOSED");
      // The end is sent before the reset comes, also by streams that send it in a turn of its own.
      await turn();
      b.reset();
      await a.closed;
      await fails(reader.closed, "ERR_CLOSED");
      await fails(writer.closed, "ERR_CLOSED");
    }),

    onPair(`a ${name} of our own fails a read that waits`, async ({ a, b }) => {
      const { reader, writer } = both(a);
      const waiting = reader.read();
      await stillPending(waiting);
      close(a);
      const error = await fails(waiting, "ERR_CLOSED");
      assert.equal(await rejection(reader.closed), error);
      if (name === "close") {
        assert.equal(await b.read(), null);
        await b.close();
      }
      await fails(writer.closed, "ERR_CLOSED");
    }),

    onPair(`streams first used after a ${name} of our own have failed`, async ({ a, b }) => {
      await b.write("unread");
      await until(() => a.readableLength === 6);
      close(a);
      // The end is sent before the reset comes, also by streams that send it in a turn of its own.
      await turn();
      b.reset();
      await a.closed;
      const { reader, writer } = both(a);
      await fails(reader.read(), "ERR_CLOSED");
      await fails(writer.write(Buffer.of(1)), "ERR_CLOSED");
      await fails(writer.closed, "ERR_CLOSED");
    }),
  ]),

  onPair("a close while a reader waits, or comes later, sends all that was written", async ({ a, b }) => {
    const reader = a.readable.getReader();
    const waiting = reader.read();
    void Promise.allSettled([waiting]);
    await stillPending(waiting);
    const written = a.write(clog());
    const closing = a.close();
    void Promise.allSettled([written, closing]);
    await fails(waiting, "ERR_CLOSED");
    await fails(reader.read(), "ERR_CLOSED");
    sameBytes(await b.readAll({ limit: Infinity }), clog());
    await written;
    await b.close();
    await closing;
  }),

  onPair("a detached socket is unharmed by the streams that it leaves behind", async ({ a, b }) => {
    const { reader, writer } = both(a);
    const waiting = reader.read();
    void Promise.allSettled([waiting]);
    await stillPending(waiting);
    const socket = a.detach();
    await fails(waiting, "ERR_CLOSED");
    await fails(writer.write(Buffer.of(1)), "ERR_CLOSED");
    await rejection(writer.abort("too late").then(() => Promise.reject(new Error("done"))));
    await reader.cancel("too late").catch(() => undefined);
    const data = once(socket, "data");
    await b.write("alive");
    assert.equal(String(await data), "alive");
    socket.write("and well");
    assert.equal(text(await b.read()), "and well");
  }),

  onPair("streams of a connection that ended well give what is unread, then their end", async ({ a, b }) => {
    const early = a.readable.getReader();
    await b.write("unread");
    await b.closeWrite();
    await a.writable.close();
    await a.closed;
    assert.equal(asText(await early.read()), "unread");
    assert.equal((await early.read()).done, true);
    await early.closed;
    assert.equal(await b.read(), null);
    await b.closed;
    assert.equal((await b.readable.getReader().read()).done, true);
    assert.equal(
      ((await rejection(b.writable.getWriter().write(Buffer.of(1)))) as NetError).code,
      "ERR_CLOSED",
    );
  }),

  onPair(
    "failures of streams that no code observes are no unhandled rejections",
    async ({ a, b, resets }) => {
      const seen = await unhandled(async () => {
        const idle = both(a);
        const used = both(b);
        const pending = used.reader.read().then(
          () => undefined,
          () => undefined,
        );
        b.reset();
        await Promise.allSettled([b.closed, pending, ...(resets ? [a.closed] : [])]);
        idle.reader.releaseLock();
        idle.writer.releaseLock();
      });
      assert.deepEqual(seen, []);
    },
  ),

  onPair(
    "time that runs out for a stream is no unhandled rejection",
    async ({ a }) => {
      const seen = await unhandled(async () => {
        const { reader } = both(a);
        assert.ok((await rejection(reader.read())) instanceof NetTimeoutError);
        await a.closed;
      });
      assert.deepEqual(seen, []);
    },
    { readTimeout: 20 },
  ),
];

const together: readonly ContractCase[] = [
  onPair("readable and writable are streams, the same ones every time", ({ a }) => {
    assert.ok(a.readable instanceof ReadableStream);
    assert.ok(a.writable instanceof WritableStream);
    assert.equal(a.readable, a.readable);
    assert.equal(a.writable, a.writable);
    return Promise.resolve();
  }),

  onPair("a pipe from readable to writable echoes, and closes both sides", async ({ a, b }) => {
    const sent = pattern(2 * 1024 * 1024);
    const echoing = a.readable.pipeTo(a.writable);
    const [, echoed] = await Promise.all([sourceOf(sent).pipeTo(b.writable), all(b.readable)]);
    sameBytes(echoed, sent);
    await Promise.all([echoing, a.closed, b.closed]);
  }),

  onPair("what is compressed into writable is decompressed from readable", async ({ a, b }) => {
    const sent = Buffer.from("not much news ".repeat(100_000));
    const sending = sourceOf(sent).pipeThrough(new CompressionStream("gzip")).pipeTo(a.writable);
    const received = b.readable.pipeThrough(new DecompressionStream("gzip"));
    sameBytes(await all(received as ReadableStream<Uint8Array>), sent);
    await sending;
    assert.ok(b.bytesRead < sent.length);
  }),

  onPair("a second reader is refused, and disturbs neither the first nor writing", async ({ a, b }) => {
    const waiting = a.readLine();
    const reader = a.readable.getReader();
    await fails(reader.read(), "ERR_BUSY");
    await fails(reader.closed, "ERR_BUSY");
    await a.writable.getWriter().write(Buffer.from("writing goes on\n"));
    assert.equal(await b.readLine(), "writing goes on");
    await b.write("for the first\nfor the next\n");
    assert.equal(await waiting, "for the first");
    assert.equal(await a.readLine(), "for the next");
  }),

  onPair("a read beside a reader that waits is refused, and does not disturb it", async ({ a, b }) => {
    const reader = a.readable.getReader();
    const waiting = reader.read();
    await stillPending(waiting);
    for (const read of [a.read(), a.readLine(), a.chunks().next(), a.readInto(new Uint8Array(4))])
      await fails(read, "ERR_BUSY");
    await b.write("for the first");
    assert.equal(asText(await waiting), "for the first");
    await b.write("for the next");
    assert.equal(text(await a.read()), "for the next");
    await b.write("and the first");
    assert.equal(asText(await reader.read()), "and the first");
  }),

  onPair("a reader beside a duplex that is read is refused, and does not disturb it", async ({ a, b }) => {
    const data = once(a.duplex, "data") as Promise<[Buffer]>;
    await stillPending(data);
    const reader = a.readable.getReader({ mode: "byob" });
    await fails(reader.read(new Uint8Array(4)), "ERR_BUSY");
    await b.write("for the first");
    assert.equal(String((await data)[0]), "for the first");
    await a.write("open");
    assert.equal(text(await b.read()), "open");
  }),

  onPair("a duplex beside a reader that waits is refused, and does not disturb it", async ({ a, b }) => {
    const reader = a.readable.getReader();
    const waiting = reader.read();
    await stillPending(waiting);
    const failed = once(a.duplex, "error") as Promise<[NetError]>;
    a.duplex.resume();
    assert.equal((await failed)[0].code, "ERR_BUSY");
    await b.write("for the first");
    assert.equal(asText(await waiting), "for the first");
    await a.write("open");
    assert.equal(text(await b.read()), "open");
  }),

  onPair("a reader that was refused leaves no trace when the connection ends", async ({ a, b }) => {
    const seen = await unhandled(async () => {
      const waiting = a.read();
      const reader = a.readable.getReader();
      await fails(reader.read(), "ERR_BUSY");
      await b.closeWrite();
      assert.equal(await waiting, null);
      await a.closeWrite();
      await a.closed;
    });
    assert.deepEqual(seen, []);
  }),
];

/** A connection as a pair of streams of the web platform. */
export const webStreams: readonly ContractCase[] = [
  ...together,
  ...webReadable,
  ...webIterated,
  ...webByob,
  ...webReleased,
  ...webWritable,
  ...failing,
];
