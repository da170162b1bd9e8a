import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BlockList, createServer, connect as netConnect } from "node:net";
import {
  connect,
  connectDuplex,
  Connection,
  listen,
  NetError,
  NetTimeoutError,
  relay,
  serve,
  type Handler,
  type Listener,
} from "../../src/index.js";
import { unusedPort } from "../support/unused-port.js";

const HOST = "127.0.0.1";
const BIG = Buffer.from(Array.from({ length: 251 }, (_, i) => i))
  .toString("latin1")
  .repeat(64 * 1024);

async function opened(): Promise<[Connection, Connection]> {
  const listener = await listen(0, { host: HOST });
  const both = await Promise.all([connect(HOST, listener.port), listener.accept()]);
  await listener.close();
  return both;
}

/** A server that sends back what it reads, line by line or as it comes, until its client ends. */
async function echo(listener: Listener, byLines: boolean): Promise<void> {
  for await (const connection of listener) {
    void (async () => {
      if (byLines) for await (const line of connection.lines()) await connection.writeLine(line);
      else for await (const chunk of connection) await connection.write(chunk);
      await connection.close();
    })();
  }
}

async function failure(promise: Promise<unknown>): Promise<NetError> {
  const error: unknown = await promise.then(
    () => assert.fail("resolved"),
    (reason: unknown) => reason,
  );
  assert(error instanceof NetError, error as Error);
  return error;
}

/** What must work on every runtime: by its names, each in a process of its own. */
export const cases: Readonly<Record<string, () => Promise<void>>> = {
  async "an echo"() {
    const listener = await listen(0, { host: HOST });
    const echoing = echo(listener, false);
    const connection = await connect(HOST, listener.port);
    for (const word of ["one", "two", "three"]) {
      await connection.write(word);
      assert.equal(String(await connection.readExactly(word.length)), word);
    }
    await connection.closeWrite();
    assert.equal(await connection.read(), null);
    await connection.close();
    await listener.close();
    await echoing;
  },

  async lines() {
    const listener = await listen(0, { host: HOST });
    const echoing = echo(listener, true);
    const connection = await connect(HOST, listener.port);
    await connection.write("first\r\nsecond\nthi");
    assert.equal(await connection.readLine(), "first");
    assert.equal(await connection.readLine(), "second");
    await connection.write("rd\nä");
    assert.equal(await connection.readLine(), "third");
    await connection.closeWrite();
    assert.equal(await connection.readLine(), "ä");
    assert.equal(await connection.readLine(), null);
    await connection.close();
    await listener.close();
    await echoing;
  },

  async "half-close"() {
    const [a, b] = await opened();
    await a.write("a question");
    await a.closeWrite();
    assert.equal(String(await b.readAll()), "a question");
    await b.write("an answer");
    await b.close();
    assert.equal(String(await a.readAll()), "an answer");
    await Promise.all([a.closed, b.closed]);
  },

  async "a big transfer in both directions at once"() {
    const [a, b] = await opened();
    const send = async (connection: Connection): Promise<void> => {
      for (let from = 0; from < BIG.length; from += 1_000_000) {
        await connection.write(Buffer.from(BIG.slice(from, from + 1_000_000), "latin1"));
      }
      await connection.closeWrite();
    };
    const receive = async (connection: Connection): Promise<void> => {
      const bytes = await connection.readAll({ limit: Infinity });
      assert.equal(bytes.length, BIG.length);
      assert.equal(bytes.toString("latin1") === BIG, true);
    };
    await Promise.all([send(a), send(b), receive(a), receive(b)]);
    assert.deepEqual([a.bytesRead, a.bytesWritten], [BIG.length, BIG.length]);
    await Promise.all([a.close(), b.close()]);
  },

  async "a reader that is slower than the writer"() {
    const [a, b] = await opened();
    const writing = a.write(Buffer.from(BIG, "latin1")).then(() => a.closeWrite());
    let bytes = 0;
    for await (const chunk of b.chunks({ recycle: true })) {
      if (bytes % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      for (const byte of chunk) assert.equal(byte, bytes++ % 251);
    }
    assert.equal(bytes, BIG.length);
    await writing;
    await Promise.all([a.close(), b.close()]);
  },

  async "what arrives while no call reads is kept, and read later"() {
    const [a, b] = await opened();
    await a.write("kept\n");
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(await b.readLine(), "kept");
    const target = new Uint8Array(4);
    const reading = b.readInto(target);
    await a.write("next");
    assert.equal(await reading, 4);
    assert.equal(Buffer.from(target).toString(), "next");
    await Promise.all([a.close(), b.close()]);
  },

  async timeouts() {
    const [a, b] = await opened();
    const error = await failure(a.read({ timeout: 20 }));
    assert(error instanceof NetTimeoutError);
    await b.write("late\n");
    assert.equal(await a.readLine(), "late");
    const clogged = await failure(a.write(Buffer.alloc(64 * 1024 * 1024), { timeout: 100 }));
    assert(clogged instanceof NetTimeoutError);
    assert.equal(clogged.written, "partly");
    a.reset();
    await a.closed;
    b.reset();
    // Runtimes differ in whether the end has noticed the other's reset by then.
    await b.closed.catch(() => undefined);
  },

  async "a write that makes progress is not timed out"() {
    const listener = await listen(0, { host: HOST });
    const options = { writeTimeout: 500 };
    const [a, b] = await Promise.all([connect(HOST, listener.port, options), listener.accept()]);
    const writing = a.write(Buffer.from(BIG, "latin1")).then(() => a.closeWrite());
    let bytes = 0;
    const slowUntil = performance.now() + 1_200;
    for await (const chunk of b) {
      bytes += chunk.length;
      if (performance.now() < slowUntil) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(bytes, BIG.length);
    await writing;
    await Promise.all([a.close(), b.close(), listener.close()]);
  },

  async "an abort"() {
    const [a, b] = await opened();
    const controller = new AbortController();
    const reading = a.read({ signal: controller.signal });
    const reason = new Error("changed my mind");
    controller.abort(reason);
    await assert.rejects(reading, reason);
    await b.write("x");
    assert.equal(String(await a.read()), "x");
    await Promise.all([a.close(), b.close()]);
  },

  async "a reset"() {
    const [a, b] = await opened();
    const reading = failure(b.read());
    a.reset();
    assert.equal((await reading).code, "ECONNRESET");
    assert.equal((await failure(a.write("x"))).code, "ERR_CLOSED");
    await a.closed;
    assert.equal((await failure(b.closed)).code, "ECONNRESET");
  },

  async "a peer that is gone"() {
    const [a, b] = await opened();
    b.reset();
    await b.closed;
    assert.equal((await failure(a.read())).code, "ECONNRESET");
    assert.equal((await failure(a.write("x"))).code, "ECONNRESET");
  },

  async "clients that wait to be accepted, and those that there is no room for"() {
    const listener = await listen(0, { host: HOST, backlog: 2 });
    // The third may be reset before it knows that it has connected.
    const connecting = await Promise.allSettled([1, 2, 3].map(() => connect(HOST, listener.port)));
    const clients = connecting.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    while (listener.dropped === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual([listener.pending, listener.dropped], [2, 1]);
    for (const client of clients) await client.write("hello\n").catch(() => undefined);
    const closing: Promise<void>[] = [];
    for (let i = 0; i < 2; i++) {
      const connection = await listener.accept({ timeout: 5_000 });
      assert.equal(await connection.readLine(), "hello");
      closing.push(connection.close());
    }
    assert((await failure(listener.accept({ timeout: 20 }))) instanceof NetTimeoutError);
    const waiting = failure(listener.accept());
    await Promise.all([...closing, ...clients.map((client) => client.close().catch(() => undefined))]);
    await listener.close();
    assert.equal((await waiting).code, "ERR_CLOSED");
  },

  async "a client of the runtime's own, and a server of its own"() {
    const listener = await listen(0, { host: HOST });
    const socket = netConnect(listener.port, HOST);
    const accepted = await listener.accept();
    socket.end("from net\n");
    assert.equal(await accepted.readLine(), "from net");
    assert.equal(await accepted.read(), null);
    await accepted.close();
    await listener.close();

    const server = createServer((client) => void client.end("hello from net\n"));
    await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
    const { port } = server.address() as { port: number };
    const connection = await connect(HOST, port);
    assert.equal(await connection.readLine(), "hello from net");
    assert.equal(await connection.read(), null);
    await connection.close();
    await new Promise((resolve) => server.close(resolve));
  },

  async "an adopted socket"() {
    const listener = await listen(0, { host: HOST });
    const adopted = Connection.from(netConnect(listener.port, HOST));
    const accepted = await listener.accept();
    await adopted.writeLine("there");
    assert.equal(await accepted.readLine(), "there");
    await accepted.writeLine("and back");
    assert.equal(await adopted.readLine(), "and back");
    await Promise.all([adopted.close(), accepted.close()]);
    await listener.close();
  },

  async detach() {
    const [a, b] = await opened();
    await a.write("read\nunread");
    assert.equal(await b.readLine(), "read");
    const socket = b.detach({ allowHalfOpen: true });
    const unread: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => unread.push(chunk));
    await a.write(" and more");
    await a.closeWrite();
    await new Promise((resolve) => socket.once("end", resolve));
    assert.equal(Buffer.concat(unread).toString(), "unread and more");
    socket.end("bye");
    assert.equal(String(await a.readAll()), "bye");
    await a.close();
  },

  async "what is unsent goes out when the socket is detached, then its end"() {
    const [a, b] = await opened();
    void a.write(Buffer.from(BIG, "latin1")).catch(() => undefined);
    void a.write("and this").catch(() => undefined);
    const socket = a.detach();
    socket.end(", and that");
    const bytes = await b.readAll({ limit: Infinity });
    assert.equal(bytes.toString("latin1") === `${BIG}and this, and that`, true);
    await b.close();
  },

  async "a Unix socket"() {
    const path = join(await mkdtemp(join(tmpdir(), "tcp6-")), "socket");
    const listener = await listen({ path });
    const [a, b] = await Promise.all([connect({ path }), listener.accept()]);
    await a.writeLine("there");
    assert.equal(await b.readLine(), "there");
    b.reset();
    await a.read().catch(() => undefined);
    await Promise.all([a.close(), listener.close()]);
    await rm(dirname(path), { recursive: true });
  },

  async "the streams of Node and of the web"() {
    const [a, b] = await opened();
    const piped = a.duplex.pipe(a.duplex);
    const writer = b.writable.getWriter();
    const reader = b.readable.getReader();
    await writer.write(Buffer.from("through and through"));
    const { value } = await reader.read();
    assert.equal(Buffer.from(value as Uint8Array).toString(), "through and through");
    await writer.close();
    assert.equal((await reader.read()).done, true);
    await Promise.all([a.closed, b.closed]);
    assert.equal(piped, a.duplex);
  },

  async "a relay"() {
    const [a, b] = await opened();
    const [c, d] = await opened();
    const relaying = relay(b, c);
    await a.write("there");
    await a.closeWrite();
    assert.equal(String(await d.readAll()), "there");
    await d.write("and back");
    await d.close();
    assert.equal(String(await a.readAll()), "and back");
    await a.close();
    assert.deepEqual(await relaying, [5, 8]);
  },

  async "a Duplex that connects by itself"() {
    const listener = await listen(0, { host: HOST });
    const duplex = connectDuplex(HOST, listener.port, { timeout: 5_000 });
    const events: string[] = [];
    for (const event of ["connect", "ready", "end", "close"]) duplex.on(event, () => events.push(event));
    duplex.write(BIG, "latin1");
    duplex.resume();
    const server = await listener.accept();
    assert.equal((await server.readExactly(BIG.length)).length, BIG.length);
    await server.closeWrite();
    await server.closed;
    assert.equal((await duplex.connection).duplex, duplex);
    await new Promise((resolve) => (duplex.closed ? setImmediate(resolve) : duplex.on("close", resolve)));
    assert.deepEqual(events, ["connect", "ready", "end", "close"]);
    const given = connectDuplex(HOST, listener.port);
    given.destroy();
    assert.equal((await failure(given.connection)).code, "ERR_CLOSED");
    await listener.close();
    assert.equal((await failure(connectDuplex(HOST, await unusedPort()).connection)).code, "ECONNREFUSED");
  },

  async "serve, its limits and its end"() {
    const blockList = new BlockList();
    blockList.addAddress("127.0.0.9");
    const listener = await listen(0, { host: HOST, maxConnections: 3, blockList });
    const stop = new AbortController();
    const errors: unknown[] = [];
    const handler: Handler = async (connection) => {
      const line = await connection.readLine();
      if (line === "fail") throw new Error("no");
      if (line === "hang") await new Promise(() => undefined);
      await connection.writeLine(String(line));
    };
    const serving = serve(listener, handler, {
      ...{ signal: stop.signal, grace: 20, perAddress: 2 },
      onError: (error) => errors.push((error as Error).message),
    });
    const ask = async (line: string, localAddress = HOST): Promise<unknown> => {
      const client = await connect(HOST, listener.port, { localAddress }).catch(
        (error: unknown) => error as NetError,
      );
      if (client instanceof NetError) return client.code;
      void client.writeLine(line).catch(() => undefined);
      const answer = await client.readLine().catch((error: unknown) => (error as NetError).code);
      await client.close();
      return answer;
    };
    assert.equal(await ask("hello"), "hello");
    assert.equal(await ask("fail"), "ECONNRESET");
    while (listener.connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const hanging = [ask("hang"), ask("hang")];
    while (listener.stats.accepted < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(await ask("one too many"), "ECONNRESET");
    assert.equal(await ask("blocked", "127.0.0.9"), "ECONNRESET");
    stop.abort();
    await serving;
    assert.deepEqual(await Promise.all(hanging), ["ECONNRESET", "ECONNRESET"]);
    assert.deepEqual(errors, ["no"]);
    assert.equal(listener.connections, 0);
    const { accepted, refused } = listener.stats;
    assert.deepEqual([accepted, refused.perAddress, refused.blocked], [4, 1, 1]);
  },

  async "a connection refused"() {
    const error = await failure(connect(HOST, await unusedPort()));
    assert.equal(error.code, "ECONNREFUSED");
    assert.equal(error.operation, "connect");
  },
};
