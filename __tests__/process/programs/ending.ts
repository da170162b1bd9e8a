// How long a process lives: `ending.ts <case>`. `done` is said when there is nothing left to do; `held` is said if the
// process still lives some time after that.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import {
  connect,
  Connection,
  listen,
  NetTimeoutError,
  relay,
  withParameters,
  type ConnectionOptions,
  type Listener,
} from "../../../src/index.js";

import { AUTHORITY, LOCALHOST } from "../../support/certificates.js";

const HOST = "127.0.0.1";

async function opened(): Promise<[Listener, Connection, Connection]> {
  const listener = await listen(0, { host: HOST });
  const port = listener.port;
  return [listener, ...(await Promise.all([connect(HOST, port), listener.accept()]))];
}

/** Both ends of a stream that has no handle. */
function adopted(options: ConnectionOptions = {}): [Connection, Connection] {
  const [a, b] = duplexPair();
  return [Connection.from(a, options), Connection.from(b, options)];
}

/** Sends a connection unread bytes until its reading stops. */
async function filled(ours: Connection, theirs: Connection): Promise<void> {
  while (ours.readableLength < 64 * 1024) {
    await theirs.write(Buffer.alloc(32 * 1024), { timeout: 100 });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const cases: Readonly<Record<string, () => Promise<void>>> = {
  async "everything closed"() {
    const [listener, ours, theirs] = await opened();
    await ours.writeLine("hello");
    assert.equal(await theirs.readLine(), "hello");
    await Promise.all([ours.close(), theirs.close(), listener.close()]);
  },

  async "everything reset"() {
    const [listener, ours, theirs] = await opened();
    ours.reset();
    theirs.reset();
    await listener.close();
  },

  async "everything closed, nothing awaited"() {
    const [listener, ours, theirs] = await opened();
    void ours.write("last words");
    void ours.close();
    void theirs.close();
    void listener.close();
  },

  async "clients in their handshake, and clients that wait, at a TLS listener without a hold on the process"() {
    const options = { tls: LOCALHOST, handshakeTimeout: Infinity };
    const listener = (await listen(0, { host: HOST, ...options })).unref();
    const tls = { ca: AUTHORITY, servername: "localhost" };
    (await connect(HOST, listener.port)).unref();
    (await connect(HOST, listener.port, { tls })).unref();
    while (listener.pending === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  },

  async "await using"() {
    await using listener = await listen(0, { host: HOST });
    await using ours = await connect(HOST, listener.port);
    await using theirs = await listener.accept();
    await ours.writeLine("hello");
    assert.equal(await theirs.readLine(), "hello");
  },

  async "timeouts that never fired"() {
    const [listener, ours, theirs] = await opened();
    await withParameters({ readTimeout: 60_000 }, async () => {
      const reading = ours.read({ timeout: 50_000, signal: AbortSignal.timeout(50_000) });
      await theirs.write("in time", { timeout: 50_000 });
      await reading;
      const port = listener.port;
      const accepting = listener.accept({ timeout: 50_000 });
      const third = await connect(HOST, port, {
        timeout: 50_000,
        attemptTimeout: 50_000,
        attemptDelay: 50_000,
      });
      const fourth = await accepting;
      await Promise.all([third.close({ timeout: 50_000 }), fourth.close({ timeout: 50_000 })]);
    });
    await Promise.all([ours.close(), theirs.close(), listener.close()]);
  },

  async "an accept that waits on a listener without a hold on the process"() {
    const listener = await listen(0, { host: HOST });
    assert.equal(listener.unref(), listener);
    void listener.accept();
  },

  async "connections without a hold on the process"() {
    const [listener, ours, theirs] = await opened();
    assert.equal(ours.unref(), ours);
    theirs.unref();
    listener.unref();
    void ours.read();
  },

  async "a Duplex without a hold on the process whose setTimeout runs"() {
    const [listener, ours, theirs] = await opened();
    const duplexes = [ours.duplex.unref(), adopted()[0].duplex];
    for (const duplex of duplexes) duplex.setTimeout(60_000);
    theirs.unref();
    listener.unref();
  },

  async "a socket beneath that has no hold on the process"() {
    const [listener, ours, theirs] = await opened();
    ours.socket.unref();
    theirs.unref();
    listener.unref();
    void ours.read();
  },

  async "sockets that were unreferenced before they were adopted"() {
    const [listener, ours, theirs] = await opened();
    Connection.from(ours.detach().unref());
    theirs.unref();
    listener.unref();
  },

  async "connections without a hold that are not read, and whose peers have ended"() {
    const [listener, ours, theirs] = await opened();
    await filled(ours, theirs);
    await theirs.closeWrite();
    ours.unref();
    theirs.unref();
    listener.unref();
  },

  async "adopted streams that are left open"() {
    const [a, b] = adopted();
    await a.writeLine("hello");
    assert.equal(await b.readLine(), "hello");
  },

  "adopted streams that are closed, nothing awaited"() {
    const [a, b] = adopted();
    void a.write("last words");
    void a.close();
    void b.close();
    return Promise.resolve();
  },

  "adopted streams without a hold on the process that wait"() {
    const [a, b] = adopted();
    void a.unref().read();
    void b.unref().write(Buffer.alloc(1_000_000));
    return Promise.resolve();
  },

  async "a wait for a read of an adopted stream"() {
    const [a] = adopted();
    await assert.rejects(a.read({ timeout: 100 }), NetTimeoutError);
  },

  async "a wait for a write to an adopted stream"() {
    const [a] = adopted({ writeTimeout: 100 });
    await assert.rejects(a.write(Buffer.alloc(1_000_000)), NetTimeoutError);
  },

  async "a wait for an adopted stream to close"() {
    await adopted()[0].close();
  },

  async "a wait for adopted streams that are relayed"() {
    await assert.rejects(relay(adopted()[0], adopted()[0], { idleTimeout: 100 }), NetTimeoutError);
  },

  async "an open listener"() {
    await listen(0, { host: HOST });
  },

  async "an open listener that got its hold back"() {
    const listener = await listen(0, { host: HOST });
    assert.equal(listener.unref().ref(), listener);
  },

  async "an open connection that is not read"() {
    const [listener, ours, theirs] = await opened();
    await filled(ours, theirs);
    theirs.unref();
    listener.unref();
  },

  async "an open connection whose peer has ended"() {
    const [listener, ours, theirs] = await opened();
    await theirs.closeWrite();
    assert.equal(await ours.read(), null);
    theirs.unref();
    listener.unref();
  },

  async "an open connection over a Unix socket whose peer has ended"() {
    const directory = await mkdtemp(join(tmpdir(), "tcp6-"));
    const path = join(directory, "socket");
    const listener = await listen({ path });
    const [ours, theirs] = await Promise.all([connect({ path }), listener.accept()]);
    await theirs.closeWrite();
    assert.equal(await ours.read(), null);
    theirs.unref();
    listener.unref();
    await rm(directory, { recursive: true });
  },

  "an adopted stream that is read"() {
    void adopted()[0].read();
    return Promise.resolve();
  },

  "an adopted stream whose close is awaited"() {
    void adopted()[0].closed;
    return Promise.resolve();
  },

  async "an open TLS connection that was accepted"() {
    const listener = await listen(0, { host: HOST, tls: LOCALHOST });
    const tls = { ca: AUTHORITY, servername: "localhost" };
    const [ours, theirs] = await Promise.all([connect(HOST, listener.port, { tls }), listener.accept()]);
    ours.unref();
    await listener.close();
    void theirs.closed;
  },

  async "open connections"() {
    const [listener, ours, theirs] = await opened();
    assert.equal(ours.unref().ref(), ours);
    theirs.unref();
    listener.unref();
  },
};

const run = cases[process.argv[2] ?? ""];
assert(run, "no such case");
await run();
console.log("done");
// Without a hold on the process itself, it goes off only if something else has one.
setTimeout(() => {
  console.log("held");
  process.exit();
}, 300).unref();
