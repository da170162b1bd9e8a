import { connect as netConnect } from "node:net";
import { connect, listen, serve, type Connection, type ConnectOptions } from "../../../src/index.js";
import { memoryPair } from "../../../src/testing/memory-pair.js";
import { AUTHORITY, LOCALHOST, OTHER_AUTHORITY } from "../../support/certificates.js";
import { closed, rejects } from "../expected.js";
import type { Load, Scenario } from "../scenario.js";

// The same objects for all, so that contexts and sessions are used again.
const CLIENT = { ca: AUTHORITY, servername: "localhost" };
const WITHOUT_TRUST = { ca: OTHER_AUTHORITY, servername: "localhost" };
const OLD = { ...CLIENT, maxVersion: "TLSv1.2" } as const;
const AS_SERVER = { ...LOCALHOST, isServer: true };

/** Handshakes that come to a connection, and that fail: contexts, sessions, tickets. */
export const tls: Scenario = {
  name: "tls",
  unit: "TLS handshakes",
  count: 20_000,
  together: 16,
  kinds: 16,

  async start(): Promise<Load> {
    const lived = new AbortController();
    const listener = await listen("127.0.0.1:0", { tls: LOCALHOST, backlog: 1_024 });
    const serving = serve(listener, answer);
    const plain = await listen("127.0.0.1:0", { backlog: 1_024 });
    const upgrading = serve(
      plain,
      async (connection) => {
        await connection.writeLine("go ahead");
        await answer(await connection.startTls(AS_SERVER));
      },
      { onError: () => undefined },
    );
    const { port } = listener;
    const secure = async (options: ConnectOptions["tls"] = CLIENT) =>
      ask(await connect("127.0.0.1", port, { tls: options, signal: lived.signal }));
    const raw = async (text: string) => {
      const socket = netConnect(port, "127.0.0.1").on("error", () => undefined);
      socket.end(text);
      socket.resume();
      await closed(socket);
    };
    const kinds: readonly (() => Promise<unknown>)[] = [
      ...Array.from({ length: 4 }, () => () => secure()),
      () => secure(OLD),
      // With a context of its own.
      () => secure({ ...CLIENT }),
      async () => {
        const [a, b] = memoryPair();
        const [client, server] = await Promise.all([a.startTls(CLIENT), b.startTls(AS_SERVER)]);
        await Promise.all([ask(client), answer(server)]);
        server.reset();
      },
      async () => {
        const connection = await connect("127.0.0.1", plain.port);
        await connection.readLine();
        await ask(await connection.startTls({ ...CLIENT, signal: lived.signal }));
      },
      async () => {
        const connection = await connect("127.0.0.1", plain.port);
        await connection.readLine();
        await rejects(connection.startTls({ ...CLIENT, timeout: 0 }), "ETIMEDOUT");
      },
      async () => {
        const connection = await connect("127.0.0.1", port, { tls: CLIENT });
        connection.reset();
      },
      async () => {
        const connection = await connect("127.0.0.1", port, { tls: CLIENT });
        const socket = connection.detach();
        socket.on("error", () => undefined).destroy();
        await closed(socket);
      },
      () =>
        rejects(
          secure(WITHOUT_TRUST),
          "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
          "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        ),
      () => raw("GET / HTTP/1.1\r\n\r\n"),
      () => raw("\x16\x03\x01\x02\x00\x01"),
      () => rejects(connect("127.0.0.1", port, { tls: CLIENT, timeout: 0 }), "ETIMEDOUT"),
      () => {
        listener.setTls({ ...LOCALHOST });
        return secure();
      },
    ];
    return {
      signals: { "the signal of connects": lived.signal },
      emitters: { "the server": listener.server, "the server without TLS": plain.server },
      counts: { "open connections": () => listener.connections + plain.connections },
      operate: (index) => kinds[index % kinds.length]?.() ?? Promise.reject(new RangeError("no kind")),
      async stop() {
        await Promise.all([listener.close(), plain.close(), serving, upgrading]);
      },
    };
  },
};

async function answer(connection: Connection): Promise<void> {
  const line = await connection.readLine().catch(() => null);
  if (line !== null) await connection.writeLine(line);
}

async function ask(connection: Connection): Promise<void> {
  await connection.writeLine("hello");
  await connection.readLine();
  await connection.close();
}
