/** The messages of docs/troubleshooting.md, each from the library itself, with words in place of what differs each time. */
import { connect, framed, jsonLines, listen, type Connection } from "../../src/index.js";
import { simulate } from "../../src/testing/index.js";
import { AUTHORITY, LOCALHOST } from "./certificates.js";

/** Both ends of a connection over a socket. */
type Trouble = (client: Connection, server: Connection) => unknown;

const HOST = "127.0.0.1";

async function between(trouble: Trouble): Promise<unknown> {
  await using listener = await listen({ host: HOST, port: 0 });
  const client = await connect(HOST, listener.port);
  const server = await listener.accept();
  try {
    return await trouble(client, server);
  } finally {
    client.reset();
    server.reset();
  }
}

const settings = { key: LOCALHOST.key, cert: LOCALHOST.cert };
const untyped = (connection: Connection) =>
  connection as unknown as Record<string, (...args: unknown[]) => unknown>;

const TROUBLES: readonly (() => unknown)[] = [
  // Connecting and listening.
  async () => {
    const listener = await listen({ host: HOST, port: 0 });
    await listener.close();
    return await connect(HOST, listener.port);
  },
  () => simulate({ seed: 1 }, (network) => network.host("client").run(() => connect("nowhere.example", 80))),
  () =>
    simulate({ seed: 1 }, async (network) => {
      const [client] = [network.host("client"), network.host("server")];
      network.partition("client", "server");
      return await client.run(() => connect("server", 80, { timeout: 5_000 }));
    }),
  () => connect("localhost:htpp"),
  () => connect("localhost"),
  async () => {
    await using listener = await listen({ host: HOST, port: 0 });
    return await listen({ host: HOST, port: listener.port });
  },
  // Reading and writing.
  () => between((client) => client.read({ timeout: 10 })),
  () =>
    between(async (client, server) => {
      server.reset();
      return await client.read();
    }),
  () =>
    between(async (client) => {
      await client.close({ timeout: 0 });
      return await client.read();
    }),
  () =>
    between(async (client) => {
      client.read().catch(() => undefined);
      return await client.read();
    }),
  () =>
    between(async (client, server) => {
      await server.write("x".repeat(100));
      return await client.readLine({ limit: 10 });
    }),
  () =>
    between(async (client, server) => {
      await server.write("1234");
      await server.closeWrite();
      return await client.readExactly(10);
    }),
  () =>
    between(async (client, server) => {
      await server.write("no JSON\n");
      return await framed(client, jsonLines()).receive();
    }),
  () =>
    between(async (client) => {
      await client.closeWrite();
      await client.write("more");
    }),
  // TLS.
  async () => {
    await using listener = await listen({ host: HOST, port: 0 });
    void listener.accept().then((connection) => connection.write("220 hello\r\n"));
    return await connect("localhost", listener.port, { tls: { ca: AUTHORITY } });
  },
  async () => {
    await using listener = await listen({ host: HOST, port: 0 }, { tls: settings });
    return await connect("localhost", listener.port, { tls: true });
  },
  // Calls that are wrong.
  () => between((client) => untyped(client).read?.({ timout: 10 })),
  () => between((client) => untyped(client).read?.(new Uint8Array(10))),
  () => between((client) => untyped(client).write?.(42)),
  () => between((client) => client.read({ timeout: -1 })),
  () => (listen as (...args: unknown[]) => unknown)({ hostname: HOST, port: 0 }),
];

/** What each of the troubles says. */
export async function messages(): Promise<string[]> {
  const said: string[] = [];
  for (const trouble of TROUBLES) {
    try {
      await trouble();
      said.push("nothing");
    } catch (error) {
      said.push(general(error as Error));
    }
  }
  return said;
}

function general({ name, message }: Error): string {
  return `${name}: ${message}`
    .replace(/127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+/, "HERE -> THERE")
    .replace(/(127\.0\.0\.1|localhost):\d{4,}/g, "$1:PORT")
    .replace(" (seed 1)", "");
}
