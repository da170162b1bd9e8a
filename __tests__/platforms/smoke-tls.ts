import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import {
  connect as netConnect,
  createServer as createNetServer,
  type AddressInfo,
  type Server,
} from "node:net";
import process from "node:process";
import tls from "node:tls";
import { connect, Connection, listen, NetError, relay } from "../../src/index.js";
import { AUTHORITY, EXPIRED, LOCALHOST, OTHER_EXAMPLE } from "../support/certificates.js";

/** What docs/platforms.md says of TLS where the platform is not Node.js. */
const IS_DENO = "deno" in process.versions;
const TELLS_TRUNCATION = !IS_DENO && !("bun" in process.versions);

const HOST = "127.0.0.1";
const TRUST = { ca: AUTHORITY };
const BIG = Buffer.alloc(8 * 1024 * 1024, "a pattern of a prime length");

/** Both ends of a connection over TLS. */
async function opened(): Promise<[Connection, Connection]> {
  const listener = await listen(0, { host: HOST, tls: LOCALHOST });
  const both = await Promise.all([connect(HOST, listener.port, { tls: TRUST }), listener.accept()]);
  await listener.close();
  return both;
}

/** Both ends of a connection without TLS. */
async function plain(): Promise<[Connection, Connection]> {
  const listener = await listen(0, { host: HOST });
  const both = await Promise.all([connect(HOST, listener.port), listener.accept()]);
  await listener.close();
  return both;
}

async function failure(promise: Promise<unknown>): Promise<NetError> {
  const error: unknown = await promise.then(
    (value) => assert.fail(`resolved to ${String(value)}`),
    (reason: unknown) => reason,
  );
  assert(error instanceof NetError, error as Error);
  return error;
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, HOST);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** What must work over TLS on every runtime: by its names, each in a process of its own. */
export const tlsCases: Readonly<Record<string, () => Promise<void>>> = {
  async "TLS: both ends"() {
    const [a, b] = await opened();
    await a.writeLine("there");
    assert.equal(await b.readLine(), "there");
    await b.writeLine("and back");
    assert.equal(await a.readLine(), "and back");
    assert.equal(a.tls?.authorized, true);
    assert.equal(a.tls.protocol, "TLSv1.3");
    assert.equal(b.tls?.protocol, "TLSv1.3");
    assert.match(a.tls.peerCertificate?.subject ?? "", /localhost/);
    await Promise.all([a.close(), b.close()]);
  },

  async "TLS: half-close"() {
    const [a, b] = await opened();
    await a.write("a question");
    await a.closeWrite();
    assert.equal(String(await b.readAll()), "a question");
    await b.write("an answer");
    await b.close();
    assert.equal(String(await a.readAll()), "an answer");
    await Promise.all([a.closed, b.closed]);
  },

  async "TLS: a big transfer in both directions at once"() {
    const [a, b] = await opened();
    const receive = async (connection: Connection): Promise<void> => {
      const bytes = await connection.readExactly(BIG.length);
      assert.equal(bytes.equals(BIG), true);
    };
    await Promise.all([a.write(BIG), b.write(BIG), receive(a), receive(b)]);
    await Promise.all([a.close(), b.close()]);
  },

  async "TLS: a client of ours and a server of the runtime's own"() {
    const server = tls.createServer(LOCALHOST, (client) =>
      client.once("data", (line) => client.end(`you said ${String(line)}`)),
    );
    const connection = await connect(HOST, await portOf(server), { tls: TRUST });
    await connection.write("hello\n");
    assert.equal(await connection.readLine(), "you said hello");
    assert.equal(await connection.read(), null);
    await connection.close();
    await new Promise((resolve) => server.close(resolve));
  },

  async "TLS: a client of the runtime's own and a listener of ours"() {
    const listener = await listen(0, { host: HOST, tls: LOCALHOST });
    const socket = tls.connect({ ...TRUST, host: HOST, port: listener.port, servername: "localhost" });
    const accepted = await listener.accept();
    socket.write("hello\n");
    assert.equal(await accepted.readLine(), "hello");
    await accepted.writeLine("you said hello");
    const [line] = (await once(socket, "data")) as [Buffer];
    assert.equal(String(line), "you said hello\n");
    socket.end();
    assert.equal(await accepted.read(), null);
    await accepted.close();
    await listener.close();
  },

  async "TLS: certificates that are not good"() {
    for (const [identity, code] of [
      [EXPIRED, IS_DENO ? "UNABLE_TO_VERIFY_LEAF_SIGNATURE" : "CERT_HAS_EXPIRED"],
      [OTHER_EXAMPLE, "ERR_TLS_CERT_ALTNAME_INVALID"],
    ] as const) {
      const listener = await listen(0, { host: HOST, tls: identity });
      const error = await failure(connect(HOST, listener.port, { tls: TRUST }));
      assert.deepEqual([error.operation, error.code], ["tls", code]);
      await listener.close();
    }
    const listener = await listen(0, { host: HOST, tls: LOCALHOST });
    const error = await failure(connect(HOST, listener.port, { tls: true }));
    assert.equal(error.operation, "tls");
    await listener.close();
  },

  async "TLS: a server that does not speak it, and one that is silent"() {
    const server = createNetServer((client) =>
      client.on("error", () => undefined).end("220 mail.example ESMTP\r\n"),
    );
    const port = await portOf(server);
    assert.equal((await failure(connect(HOST, port, { tls: TRUST }))).operation, "tls");
    await new Promise((resolve) => server.close(resolve));
    const silent = await listen(0, { host: HOST });
    const error = await failure(connect(HOST, silent.port, { tls: TRUST, timeout: 100 }));
    assert.equal(error.code, "ETIMEDOUT");
    await silent.close();
  },

  async "TLS: a client that does not speak it holds up no other"() {
    const listener = await listen(0, { host: HOST, tls: LOCALHOST });
    const silent = netConnect(listener.port, HOST).on("error", () => undefined);
    const wrong = netConnect(listener.port, HOST).on("error", () => undefined);
    wrong.write("GET / HTTP/1.1\r\n\r\n");
    const [client, accepted] = await Promise.all([
      connect(HOST, listener.port, { tls: TRUST }),
      listener.accept({ timeout: 5_000 }),
    ]);
    await client.writeLine("here");
    assert.equal(await accepted.readLine(), "here");
    await Promise.all([client.close(), accepted.close()]);
    silent.destroy();
    wrong.destroy();
    await listener.close();
  },

  async "TLS: startTls in the middle of a conversation"() {
    const [a, b] = await plain();
    const serve = async (): Promise<Connection> => {
      assert.equal(await b.readLine(), "STARTTLS");
      await b.writeLine("go on");
      return b.startTls({ ...LOCALHOST, isServer: true });
    };
    const ask = async (): Promise<Connection> => {
      await a.writeLine("STARTTLS");
      assert.equal(await a.readLine(), "go on");
      return a.startTls({ ...TRUST, servername: "localhost" });
    };
    const [client, server] = await Promise.all([ask(), serve()]);
    assert.equal(client.tls?.authorized, true);
    await client.writeLine("there");
    assert.equal(await server.readLine(), "there");
    await server.close();
    assert.equal(await client.read(), null);
    await client.close();
    assert.equal((await failure(a.read())).code, "ERR_CLOSED");
  },

  async "TLS: a second connection resumes the session of the first"() {
    const listener = await listen(0, { host: HOST, tls: LOCALHOST });
    const resumed: (boolean | undefined)[] = [];
    for (let turn = 0; turn < 2; turn++) {
      const [client, server] = await Promise.all([
        connect(HOST, listener.port, { tls: TRUST }),
        listener.accept(),
      ]);
      await server.write("x");
      await client.readExactly(1);
      resumed.push(client.tls?.sessionReused);
      assert.match(client.tls?.peerCertificate?.subject ?? "", /localhost/);
      await Promise.all([client.close(), server.close()]);
    }
    assert.deepEqual(resumed, [false, !IS_DENO]);
    await listener.close();
  },

  async "TLS: an adopted TLS socket"() {
    const listener = await listen(0, { host: HOST, tls: LOCALHOST });
    const socket = tls.connect({ ...TRUST, host: HOST, port: listener.port, servername: "localhost" });
    await once(socket, "secureConnect");
    const adopted = Connection.from(socket);
    const accepted = await listener.accept();
    await adopted.writeLine("there");
    assert.equal(await accepted.readLine(), "there");
    await accepted.writeLine("and back");
    assert.equal(await adopted.readLine(), "and back");
    await Promise.all([adopted.close(), accepted.close()]);
    await listener.close();
  },

  async "TLS: an abort in the handshake"() {
    const silent = await listen(0, { host: HOST });
    const controller = new AbortController();
    const connecting = connect(HOST, silent.port, { tls: TRUST, signal: controller.signal });
    const server = await silent.accept();
    await server.readExactly(1);
    const reason = new Error("changed my mind");
    controller.abort(reason);
    await assert.rejects(connecting, reason);
    await server.readAll().catch(() => undefined);
    await server.close();
    await silent.close();
  },

  async "TLS: a relay"() {
    const [a, b] = await opened();
    const [c, d] = await plain();
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

  async "TLS: an end that was not said is told, where the platform can tell"() {
    const [a, b] = await opened();
    await a.write("all of it?");
    const reading = b.readAll();
    await new Promise((resolve) => setTimeout(resolve, 50));
    a.socket.destroy();
    if (TELLS_TRUNCATION) assert.equal((await failure(reading)).code, "ERR_TLS_TRUNCATED");
    else assert.equal(String(await reading), "all of it?");
    await a.closed.catch(() => undefined);
    b.reset();
  },
};
