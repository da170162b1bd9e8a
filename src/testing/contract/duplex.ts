import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import * as streams from "node:stream";
import { Duplex, finished, PassThrough, Readable, Transform, Writable } from "node:stream";
import { finished as whenFinished, pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { getParameters, NetError, NetTimeoutError } from "../../index.js";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { fails, isReset, rejection, sameBytes, stillPending, text, turn, until } from "./expectations.js";
import { clog, pattern, pieces } from "./payloads.js";

const GONE = ["ECONNRESET", "EPIPE", "ERR_CLOSED"];

/** All that a stream gives until it ends. */
async function all(stream: Readable, options = {}): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of { [Symbol.asyncIterator]: () => stream.iterator(options) })
    chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A sink that keeps what it gets. */
function sink(): Writable & { bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      setImmediate(done);
    },
  });
  return Object.assign(stream, { bytes: () => Buffer.concat(chunks) });
}

/** The connection as a Duplex of Node's. */
export const duplex: readonly ContractCase[] = [
  onPair("duplex is a Duplex, the same one every time", ({ a }) => {
    assert.ok(a.duplex instanceof Duplex);
    assert.equal(a.duplex, a.duplex);
    assert.equal(a.duplex.allowHalfOpen, true);
    return Promise.resolve();
  }),

  onPair("duplex: writes and reads what the connection does", async ({ a, b }) => {
    a.duplex.write("one,");
    await a.write("two,");
    a.duplex.write(Buffer.from("three"));
    await b.readUntil(",");
    await b.readUntil(",");
    assert.equal(text(await b.readExactly(5)), "three");
    await b.write("answer");
    const [chunk] = (await once(a.duplex, "data")) as [Buffer];
    assert.equal(String(chunk), "answer");
  }),

  onPair("duplex: the source and the end of a pipeline", async ({ a, b }) => {
    const sent = pattern(3_000_000);
    const target = sink();
    await Promise.all([pipeline(Readable.from(pieces(sent, 70_000)), b.duplex), pipeline(a.duplex, target)]);
    sameBytes(target.bytes(), sent);
    await a.write("reading and writing are apart");
    assert.equal(text(await b.read()), "reading and writing are apart");
  }),

  onPair("duplex: the middle of a pipeline", async ({ a, b }) => {
    const question = pattern(400_000);
    const target = sink();
    const answering = pipeline(b.duplex, createGzip(), b.duplex);
    await pipeline(Readable.from(pieces(question, 50_000)), a.duplex, createGunzip(), target);
    await answering;
    sameBytes(target.bytes(), question);
    await Promise.all([a.closed, b.closed]);
  }),

  onPair("duplex: a Duplex that is piped into itself is an echo", async ({ a, b }) => {
    b.duplex.pipe(b.duplex);
    const sent = pattern(1_000_000);
    void a.write(sent).then(() => a.closeWrite());
    sameBytes(await a.readAll(), sent);
    await Promise.all([a.closed, b.closed]);
    await whenFinished(b.duplex);
  }),

  onPair("duplex: compose and finished take it", async ({ a, b }) => {
    const upper = new Transform({
      transform: (chunk: Buffer, _encoding, done) => done(null, chunk.toString().toUpperCase()),
    });
    // Node's own types lack it.
    const { compose } = streams as unknown as { compose: (...all: Duplex[]) => Duplex };
    const composed = compose(a.duplex, upper);
    const over = new Promise<unknown>((resolve) => finished(a.duplex, resolve));
    composed.end("question");
    assert.equal((await b.readAll()).toString(), "question");
    await b.write("answer");
    await b.closeWrite();
    assert.equal((await all(composed)).toString(), "ANSWER");
    assert.equal(await over, undefined);
  }),

  onPair(
    "duplex: async iteration reads to the end, and a half-closed one goes on writing",
    async ({ a, b }) => {
      const sent = pattern(200_000);
      void b.write(sent);
      void b.closeWrite();
      sameBytes(await all(a.duplex, { destroyOnReturn: false }), sent);
      a.duplex.end("still here");
      assert.equal((await b.readAll()).toString(), "still here");
      await Promise.all([a.closed, b.closed]);
    },
  ),

  onPair("duplex: a for await loop that ends, or is left, resets nothing", async ({ a, b }) => {
    await Promise.all([a.write("for b"), b.write("for a")]);
    await a.closeWrite();
    for await (const chunk of b.duplex) assert.equal(String(chunk), "for b");
    for await (const chunk of a.duplex) {
      assert.equal(String(chunk), "for a");
      break;
    }
    // Whether the end of a loop destroys a Duplex that can still be written to depends on the release of Node.
    await b.close();
    await Promise.all([a.closed, b.closed]);
  }),

  onPair("duplex: a Duplex that is only written to is over when the connection is", async ({ a, b }) => {
    a.duplex.end("question");
    await b.readAll();
    await b.write("answer");
    const [answer] = await Promise.all([a.readAll(), b.close()]);
    assert.equal(answer.toString(), "answer");
    await whenFinished(a.duplex);
    assert.equal((await all(a.duplex)).length, 0);
  }),

  onPair("duplex: end() sends FIN, and reading goes on", async ({ a, b }) => {
    a.duplex.end("question");
    assert.equal((await b.readAll()).toString(), "question");
    await b.write("answer");
    const [chunk] = (await once(a.duplex, "data")) as [Buffer];
    assert.equal(String(chunk), "answer");
    const closed = once(a.duplex, "close");
    await b.closeWrite();
    await closed;
    await a.closed;
  }),

  onPair("duplex: a reader that stops stops the peer", async ({ a, b }) => {
    const written = b.write(clog());
    await once(a.duplex, "data");
    a.duplex.pause();
    await stillPending(written);
    assert.ok(a.readableLength + a.duplex.readableLength <= 192 * 1024);
    let bytes = 0;
    a.duplex.on("data", (chunk: Buffer) => (bytes += chunk.length)).resume();
    await written;
    await until(() => bytes > clog().length - 128 * 1024);
  }),

  onPair("duplex: a peer that does not read stops the writer", async ({ a, b }) => {
    const full = a.duplex;
    assert.equal(full.write(clog()), false);
    const drained = once(full, "drain");
    await stillPending(drained);
    b.closeRead();
    await drained;
  }),

  onPair("duplex: nothing is read ahead of its reader", async ({ a, b }) => {
    await b.write("first");
    const [chunk] = (await once(a.duplex, "data")) as [Buffer];
    assert.equal(String(chunk), "first");
    a.duplex.pause();
    await b.write("second");
    await turn();
    a.duplex.removeAllListeners("data");
    assert.equal(text(await a.read()), "second");
  }),

  onPair("duplex: making it reads nothing", async ({ a, b }) => {
    assert.equal(a.duplex.readableFlowing, null);
    await b.write("line\nrest");
    assert.equal(await a.readLine(), "line");
    a.duplex.once("readable", () => undefined);
    await until(() => a.duplex.readableLength > 0);
    assert.equal(String(a.duplex.read()), "rest");
  }),

  onPair(
    "duplex: the readTimeout destroys it, with a NetTimeoutError",
    async ({ a, b }) => {
      const target = sink();
      const error = await rejection(pipeline(a.duplex, target));
      assert.ok(error instanceof NetTimeoutError, String(error));
      assert.deepEqual([error.operation, error.timeout], ["read", 40]);
      assert.equal(a.duplex.destroyed, true);
      await a.closed;
      assert.equal(a.fd, undefined);
      await Promise.allSettled([b.read()]);
    },
    { readTimeout: 40 },
  ),

  onPair(
    "duplex: the writeTimeout destroys it, with a NetTimeoutError",
    async ({ a }) => {
      const error = await rejection(pipeline(Readable.from(pieces(clog(), 1_000_000)), a.duplex));
      assert.ok(error instanceof NetTimeoutError, String(error));
      assert.equal(error.operation, "write");
      await a.closed;
    },
    { writeTimeout: 60 },
  ),

  onPair("duplex: a peer's reset destroys it with a NetError, after what had arrived", async (pair) => {
    const { a, b, resets } = pair;
    const got: Buffer[] = [];
    a.duplex.on("data", (chunk: Buffer) => got.push(chunk));
    const over = whenFinished(a.duplex);
    const written = b.write("last words");
    if (!pair.takesAtOnce) await written;
    b.reset();
    if (!resets) a.duplex.end();
    const [outcome] = await Promise.allSettled([over]);
    if (resets) {
      const error: unknown = (outcome as PromiseRejectedResult).reason;
      assert.ok(isReset(error), String(error));
    }
    assert.equal(Buffer.concat(got).toString(), "last words");
  }),

  onPair("duplex: a failure of an idle connection reaches an idle pipeline", async ({ a, b, resets }) => {
    const source = new PassThrough();
    const failing = rejection(pipeline(source, a.duplex));
    await stillPending(failing);
    b.reset();
    if (!resets) {
      for (let tries = 0; tries < 1_000 && !a.duplex.destroyed; tries++) {
        source.write("x");
        await turn();
      }
    }
    const error = (await failing) as NodeJS.ErrnoException;
    assert.ok(error instanceof NetError, String(error));
    assert.ok(isReset(error) || GONE.includes(error.code), String(error));
  }),

  onPair("duplex: an error without a listener is no uncaught exception", async ({ a, b, resets }) => {
    a.duplex.resume();
    b.reset();
    if (resets) await fails(a.closed, "ECONNRESET");
    else await until(() => a.duplex.readableEnded);
    await turn();
  }),

  onPair("duplex: destroy() with an error resets the connection", async ({ a, b, resets }) => {
    a.duplex.destroy(new Error("enough"));
    if (resets) await fails(b.read(), "ECONNRESET");
    else assert.equal(await b.read(), null);
    await a.closed;
    await fails(a.write("x"), "ERR_CLOSED");
  }),

  onPair(
    "duplex: a pipeline that fails halfway does not look finished to the peer",
    async ({ a, b, resets }) => {
      const broken = new Readable({ read: () => undefined });
      const failing = rejection(pipeline(broken, a.duplex));
      broken.push("half");
      assert.equal(text(await b.read()), "half");
      broken.destroy(new Error("the disk is gone"));
      assert.match(String(await failing), /the disk is gone/u);
      if (resets) await fails(b.read(), "ECONNRESET");
      else await Promise.allSettled([b.read()]);
      await a.closed;
    },
  ),

  onPair(
    "duplex: destroy() without an error closes the connection gracefully if all was sent",
    async ({ a, b }) => {
      const written = new Promise<void>((resolve) => a.duplex.write("all of it", () => resolve()));
      await written;
      a.duplex.destroy();
      assert.equal((await b.readAll()).toString(), "all of it");
      await b.close();
      await a.closed;
    },
  ),

  onPair("duplex: destroy() with bytes unsent resets the connection", async ({ a, b, resets }) => {
    a.duplex.write(clog());
    await until(() => a.writableLength > 0);
    a.duplex.destroy();
    await a.closed;
    const received = (await Promise.allSettled([b.readAll({ limit: Infinity })]))[0];
    if (resets) assert.equal(received.status, "rejected");
  }),

  ...(["destroy", "destroySoon"] as const).map((how) =>
    onTimedPair(`duplex: after ${how}(), 'close' does not wait for the peer's end`, async ({ a, b }) => {
      await new Promise<void>((sent) => a.duplex.write("all of it", () => sent()));
      const closed = once(a.duplex, "close");
      a.duplex[how]();
      // The clock stands still, so that the connection would wait for ever.
      await closed;
      assert.equal(text(await b.read()), "all of it");
      assert.equal(await b.read(), null);
      await b.close();
      await a.closed;
    }),
  ),

  onPair("duplex: a local close, reset or detach destroys it", async ({ a, b }) => {
    const [first, second] = [a.duplex, b.duplex];
    const closed = [once(first, "close"), once(second, "close")];
    b.detach().on("error", () => undefined);
    await closed[1];
    a.reset();
    await closed[0];
    assert.deepEqual([first.destroyed, second.destroyed], [true, true]);
  }),

  onTimedPair(
    "duplex: a local close fails the pipeline that reads, with Node's premature close",
    async ({ a, b, clock }) => {
      const failing = rejection(pipeline(a.duplex, sink()));
      await turn();
      const closing = a.close();
      assert.equal(await b.read(), null);
      await clock.advance(getParameters().lingerTimeout);
      const error = (await failing) as NodeJS.ErrnoException;
      assert.equal(error.code, "ERR_STREAM_PREMATURE_CLOSE");
      await b.close();
      await closing;
    },
  ),

  onPair("duplex: closeRead ends its reading, and writing goes on", async ({ a, b }) => {
    const ended = all(a.duplex, { destroyOnReturn: false });
    await turn();
    a.closeRead();
    assert.equal((await ended).length, 0);
    a.duplex.write("still here");
    assert.equal(text(await b.read()), "still here");
  }),

  onPair("duplex: what is unread once both sides have ended is read first", async ({ a, b }) => {
    const sent = pattern(60_000);
    a.duplex.end();
    await b.write(sent);
    await b.closeWrite();
    await a.closed;
    sameBytes(await all(a.duplex), sent);
    assert.equal(a.duplex.readableEnded, true);
  }),

  onPair("duplex: a second reader is refused, and the first one keeps the connection", async ({ a, b }) => {
    const first = a.readLine();
    const second = rejection(once(a.duplex, "data"));
    const error = await second;
    assert.ok(error instanceof NetError && error.code === "ERR_BUSY", String(error));
    await b.write("for the first\n");
    assert.equal(await first, "for the first");
    await a.write("usable");
    assert.equal(text(await b.read()), "usable");
  }),

  onPair("duplex: while it reads, the connection's own reads are refused", async ({ a, b }) => {
    const data = once(a.duplex, "data");
    await turn();
    await fails(a.read(), "ERR_BUSY");
    await b.write("x");
    assert.equal(String(await data), "x");
  }),
];
