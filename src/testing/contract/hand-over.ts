import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import type { Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, stillPending, text, until } from "./expectations.js";
import { clog, pattern } from "./payloads.js";

/** All that a socket gives until it ends. */
async function rest(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(socket, "end");
  return Buffer.concat(chunks);
}

/** The socket beneath: handed over, used raw, or left as it is. */
export const handOver: readonly ContractCase[] = [
  onPair("a detached socket has the unread bytes, then what follows", async ({ a, b }) => {
    await b.write("read,unread");
    assert.equal(text(await a.readUntil(",")), "read");
    const socket = a.detach();
    await b.write(" and later");
    await b.closeWrite();
    assert.equal((await rest(socket)).toString(), "unread and later");
  }),

  onPair("a detached socket loses no byte of a stream that was stopped", async ({ a, b }) => {
    void b.write(clog());
    void b.closeWrite();
    await until(() => a.readableLength >= 64 * 1024);
    const first = await a.readExactly(10);
    sameBytes(Buffer.concat([first, await rest(a.detach())]), clog());
  }),

  onPair("a detached socket ends although the end had arrived before", async ({ a, b }) => {
    await b.write("last words");
    await b.closeWrite();
    await fails(a.readExactly(11), "ERR_UNEXPECTED_EOF");
    assert.equal((await rest(a.detach())).toString(), "last words");
  }),

  onPair("a detached socket ends also when nothing is unread", async ({ a, b }) => {
    await b.closeWrite();
    assert.equal(await a.read(), null);
    const socket = a.detach({ allowHalfOpen: true });
    assert.equal((await rest(socket)).length, 0);
    socket.end("reply");
    assert.equal(text(await b.read()), "reply");
  }),

  ...(["later", "before", "as it was read raw"] as const).map((when) =>
    onPair(
      `a detached socket ends itself at its peer's end, which came ${when}`,
      async ({ a, b, hasStream }) => {
        if (when === "as it was read raw" && !hasStream) return;
        await b.write("last words");
        if (when !== "later") await b.closeWrite();
        let length = 0;
        if (when === "as it was read raw") length = (await rest(a.socket)).length;
        if (when === "before") await fails(a.readExactly(11), "ERR_UNEXPECTED_EOF");
        const socket = a.detach({ allowHalfOpen: false });
        assert.equal(socket.allowHalfOpen, false);
        const closed = once(socket, "close");
        if (when === "later") await b.closeWrite();
        if (length === 0) length = (await rest(socket)).length;
        assert.equal(length, 10);
        assert.equal(await b.read(), null);
        await Promise.all([closed, b.close()]);
      },
    ),
  ),

  onPair("a detached socket that was asked for half-open stays so at its peer's end", async ({ a, b }) => {
    await b.closeWrite();
    const socket = a.detach({ allowHalfOpen: true });
    assert.equal((await rest(socket)).length, 0);
    const waiting = b.read();
    await stillPending(waiting);
    socket.end("reply");
    assert.equal(text(await waiting), "reply");
    assert.equal(await b.read(), null);
  }),

  onPair("a socket that ends itself sends first what was waiting", async ({ a, b }) => {
    await b.closeWrite();
    assert.equal(await a.read(), null);
    void a.write(clog());
    void a.write("end");
    const socket = a.detach({ allowHalfOpen: false }).resume();
    sameBytes(await b.readExactly(clog().length), clog());
    assert.equal((await b.readAll()).toString(), "end");
    await until(() => socket.destroyed);
  }),

  onPair(
    "options that detach does not know are refused, and the connection is as it was",
    async ({ a, b }) => {
      for (const options of [null, 5, "x", { allowHalfOpen: 1 }, { halfOpen: true }, Buffer.alloc(1)]) {
        assert.throws(() => a.detach(options as never), TypeError);
      }
      await a.write("alive");
      assert.equal(text(await b.read()), "alive");
    },
  ),

  onPair("what waited to be sent is sent as it was, whatever its caller does then", async ({ a, b }) => {
    const waiting = Buffer.alloc(1_000, "as it was ");
    const expected = Buffer.from(waiting);
    void a.write(clog());
    void a.write(waiting);
    const socket = a.detach();
    waiting.fill("x");
    socket.end();
    sameBytes(await b.readExactly(clog().length), clog());
    sameBytes(await b.readExactly(waiting.length), expected);
    assert.equal(await b.read(), null);
  }),

  onPair("a detached socket can be piped", async ({ a, b }) => {
    const sent = pattern(300_000);
    void b.write(sent);
    void b.closeWrite();
    await until(() => a.readableLength > 0);
    const through = new PassThrough();
    a.detach().pipe(through);
    const chunks: Buffer[] = [];
    for await (const chunk of through as AsyncIterable<Buffer>) chunks.push(chunk);
    sameBytes(Buffer.concat(chunks), sent);
  }),

  onPair("a detached socket is iterated over", async ({ a, b }) => {
    const sent = pattern(300_000);
    void b.write(sent);
    void b.closeWrite();
    await until(() => a.readableLength > 0);
    const chunks: Buffer[] = [];
    for await (const chunk of a.detach() as AsyncIterable<Buffer>) chunks.push(chunk);
    sameBytes(Buffer.concat(chunks), sent);
  }),

  onPair(
    "writes that are unsent go out before what the new owner writes; their callers are told",
    async ({ a, b }) => {
      const writes = [a.write(clog()), a.write("second,"), a.write(["third", ","])].map((write) =>
        fails(write, "ERR_CLOSED"),
      );
      const flushing = fails(a.flush(), "ERR_CLOSED");
      const socket = a.detach();
      socket.write("raw");
      socket.end();
      for (const { written } of await Promise.all(writes)) assert.equal(written, "partly");
      assert.equal((await flushing).written, undefined);
      sameBytes(await b.readExactly(clog().length), clog());
      assert.equal((await b.readAll()).toString(), "second,third,raw");
      assert.equal(a.writableLength, 0);
    },
  ),

  onPair("a FIN that is on its way when the socket is detached still goes out", async ({ a, b }) => {
    const closing = fails(a.closeWrite(), "ERR_CLOSED");
    a.detach();
    await closing;
    assert.equal(await b.read(), null);
  }),

  onPair("a closeWrite that waits happens although the socket was detached", async ({ a, b }) => {
    void a.write(clog());
    void a.closeWrite().catch(() => undefined);
    a.detach();
    sameBytes(await b.readAll({ limit: Infinity }), clog());
  }),

  onPair(
    "what is gathered goes out when the socket is detached",
    async ({ a, b }) => {
      void a.write("gathered,");
      a.detach().end("raw");
      assert.equal((await b.readAll()).toString(), "gathered,raw");
    },
    { bufferSize: 1_000 },
  ),

  onPair("a connection that was detached is over, and its calls are refused", async ({ a, b }) => {
    await b.write("unread");
    await until(() => a.readableLength === 6);
    const waiting = b.read();
    const socket = a.detach();
    assert.equal(a.readableLength, 0);
    await a.closed;
    for (const call of [a.read(), a.readLine(), a.lines().next(), a.write("x"), a.flush()]) {
      await fails(call, "ERR_CLOSED");
    }
    assert.throws(() => a.detach(), { code: "ERR_CLOSED", operation: "detach" });
    await a.close();
    a.closeRead();
    a.reset();
    assert.equal(socket.destroyed, false);
    socket.write("alive");
    assert.equal(text(await waiting), "alive");
  }),

  onPair("a read that waits rejects when the socket is detached", async ({ a, b }) => {
    const waiting = a.read();
    const socket = a.detach();
    await fails(waiting, "ERR_CLOSED");
    const data = once(socket, "data");
    await b.write("x");
    assert.equal(String(await data), "x");
  }),

  onPair("a closed connection cannot be detached", async ({ a, b }) => {
    await Promise.all([a.close(), b.close()]);
    assert.throws(() => a.detach(), { name: "NetError", code: "ERR_CLOSED" });
  }),

  onPair("the errors of a detached socket are its new owner's", async ({ a, b, resets, endsAreTold }) => {
    const socket = a.detach();
    let code: string | undefined;
    let over = false;
    socket.on("error", (error: NodeJS.ErrnoException) => (code = error.code));
    socket.on(resets ? "close" : "end", () => (over = true));
    socket.resume();
    b.reset();
    await until(() => over);
    // Node's own TLS sockets take some resets for ends, up to Node 22.
    if (!endsAreTold || code !== undefined) assert.equal(code, resets ? "ECONNRESET" : undefined);
    await a.closed;
  }),

  onPair(
    "the socket can be read raw: it has what is unread, then what follows",
    async ({ a, b, hasStream }) => {
      if (!hasStream) return;
      const sent = pattern(300_000);
      void b.write(sent);
      void b.closeWrite();
      sameBytes(await a.readExactly(10), sent.subarray(0, 10));
      await until(() => a.readableLength > 0);
      sameBytes(await rest(a.socket), sent.subarray(10));
      assert.equal(a.readableLength, 0);
      const { message } = await fails(a.read(), "ERR_BUSY");
      assert.match(message, /socket/u);
      await a.write("writing goes on");
      assert.equal(text(await b.read()), "writing goes on");
      await a.close();
      await b.closed;
    },
  ),

  onPair("read() of the raw socket finds what is unread", async ({ a, b, hasStream }) => {
    if (!hasStream) return;
    await b.write("unread");
    await until(() => a.readableLength === 6);
    assert.equal(String(a.socket.read()), "unread");
    const readable = once(a.socket, "readable");
    await b.write("more");
    await readable;
    assert.equal(String(a.socket.read()), "more");
  }),

  onPair("an end that had arrived reaches the reader of the raw socket", async ({ a, b }) => {
    await b.write("all");
    await b.closeWrite();
    await fails(a.readExactly(4), "ERR_UNEXPECTED_EOF");
    const chunks: Buffer[] = [];
    for await (const chunk of a.socket as AsyncIterable<Buffer>) chunks.push(chunk);
    assert.equal(Buffer.concat(chunks).toString(), "all");
  }),

  onPair("a read that waits is refused when the socket is read raw", async ({ a, b, hasStream }) => {
    if (!hasStream) return;
    const data = new Promise((resolve) => a.socket.prependOnceListener("data", resolve));
    const waiting = a.read();
    a.socket.resume();
    await fails(waiting, "ERR_BUSY");
    await b.write("x");
    assert.equal(String(await data), "x");
  }),

  onPair(
    "what is unread when the socket is destroyed stays the connection's, also if that is used raw",
    async (pair) => {
      const { a, b, hasStream } = pair;
      if (!hasStream) return;
      await b.write("reply");
      await Promise.all([b.closeWrite(), a.closeWrite()]);
      await until(() => a.socket.destroyed);
      const ignore = () => undefined;
      a.socket.on("data", ignore).off("data", ignore).on("readable", ignore).resume();
      assert.equal(a.socket.read(), null);
      assert.equal(text(await a.read()), "reply");
      assert.equal(await a.read(), null);
    },
  ),

  onPair("a socket that the program has destroyed cannot be detached", async ({ a, hasStream }) => {
    if (!hasStream) return;
    a.socket.destroy();
    assert.throws(() => a.detach(), { code: "ERR_CLOSED" });
    await Promise.allSettled([a.closed]);
  }),

  onPair("a socket that the program destroys itself leaves no call waiting", async ({ a, b }) => {
    const waiting = [a.read(), a.write(clog()), a.write("queued"), a.flush(), a.closeWrite()];
    await stillPending(Promise.race(waiting));
    a.socket.destroy();
    for (const promise of waiting) await fails(promise, "ERR_CLOSED");
    await fails(a.read(), "ERR_CLOSED");
    await fails(a.write("x"), "ERR_CLOSED");
    await a.close();
    await Promise.allSettled([a.closed, b.readAll({ limit: Infinity })]);
    assert.equal(a.fd, undefined);
  }),

  onPair("abandoned output is not ended by closeWrite, but nothing more can be written", async (pair) => {
    const { a, b, endsAreTold } = pair;
    a.abandon("output");
    await a.write("before");
    await a.closeWrite();
    assert.equal(text(await b.read()), "before");
    const waiting = b.read();
    await stillPending(waiting);
    await fails(a.write("x"), "ERR_CLOSED");
    await b.write("reading goes on");
    assert.equal(text(await a.read()), "reading goes on");
    await a.close();
    if (endsAreTold) await fails(waiting, "ERR_TLS_TRUNCATED");
    else assert.equal(await waiting, null);
  }),

  onPair("abandoned input is left in the kernel by closeRead", async ({ a, b }) => {
    a.abandon("input");
    a.closeRead();
    const written = b.write(clog());
    await stillPending(written);
    assert.ok(a.bytesRead <= 128 * 1024, String(a.bytesRead));
    assert.equal(await a.read(), null);
    await a.write("x");
    assert.equal(text(await b.read()), "x");
  }),

  onPair("only input and output can be abandoned", ({ a }) => {
    assert.throws(() => {
      a.abandon("both" as "input");
    }, TypeError);
    return Promise.resolve();
  }),

  ...Object.entries({
    "detach()": (end: Connection) => end.detach({ allowHalfOpen: true }),
    "raw use of the socket": (end: Connection) => end.socket,
  }).map(([name, handOver]) =>
    onPair(`a chunk that its Duplex has asked for just now is handed over by ${name}`, async ({ a, b }) => {
      await b.write("unread");
      await until(() => a.readableLength === 6);
      assert.equal(a.duplex.read(), null);
      const socket = handOver(a).on("error", () => undefined);
      let got = "";
      socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
      await until(() => got === "unread");
    }),
  ),
];
