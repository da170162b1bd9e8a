import { connect as netConnect, type Socket } from "node:net";
import { connect, type Connection, type Listener } from "../../src/index.js";
import { SELF_SIGNED } from "../support/certificates.js";
import { until } from "../support/outcomes.js";
import { closeAll, endOf, keep, loopback } from "../support/peers.js";

afterEach(closeAll);

/** How often each end has come: `{ ECONNRESET: 280 }`. */
async function countsOf(clients: readonly Client[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const end of await Promise.all(clients.map(({ end }) => end))) counts[end] = (counts[end] ?? 0) + 1;
  return counts;
}

interface Client {
  readonly socket: Socket;
  readonly end: Promise<string>;
}

/** Clients that have come to the listener, in batches for which the kernel has room: its queue is as long as the backlog. */
async function clientsOf(listener: Listener, count: number): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) {
    for (let more = 0; more < 20; more++) {
      const socket = keep(netConnect(listener.port, "127.0.0.1"));
      clients.push({ socket, end: endOf(socket) });
    }
    await until(() => listener.connections + listener.dropped === clients.length);
  }
  return clients;
}

/** Sends every line back, and resets a client that takes more than `timeout` ms for one. */
async function echo(listener: Listener, timeout?: number): Promise<void> {
  const one = async (connection: Connection): Promise<void> => {
    for (;;) {
      const line = await connection.readLine({ timeout });
      if (line === null) break;
      await connection.writeLine(line);
    }
    await connection.close();
  };
  for await (const connection of listener) one(connection).catch(() => connection.reset());
}

/** Has a client of its own get an answer. */
async function served({ port }: Listener, options = {}): Promise<void> {
  const client = keep(await connect("127.0.0.1", port, options));
  await client.writeLine("hello");
  expect(await client.readLine()).toBe("hello");
  await client.close();
}

/** Has each client send a byte each 10 ms, until it has left. */
function drip(clients: readonly Client[], bytes: readonly number[]): void {
  for (const { socket } of clients) {
    let sent = 0;
    const timer = setInterval(() => socket.write(Buffer.of(bytes[sent++] ?? 0x20)), 10);
    socket.on("close", () => clearInterval(timer));
  }
}

test("of 300 clients that no call accepts 20 wait, the others are reset, and those that waited are served", async () => {
  const listener = await loopback({ backlog: 20 });
  let most = 0;
  listener.server.on("connection", () => (most = Math.max(most, listener.connections)));
  const clients = await clientsOf(listener, 300);
  expect(listener.dropped).toBe(280);
  expect(listener.pending).toBe(20);
  // It has not been looked at yet whether there is room for the last one when the event tells of it.
  expect(most).toBeLessThanOrEqual(20);

  void echo(listener);
  for (const { socket } of clients) socket.end("hello\n");
  expect(await countsOf(clients)).toEqual({ ECONNRESET: 280, end: 20 });
  await until(() => listener.connections === 0);
  await served(listener);
  expect(listener.stats).toMatchObject({ accepted: 21, dropped: 280 });
});

test("100 clients that send their TLS hello byte by byte hold up no other, and are cut off", async () => {
  const listener = await loopback({ tls: SELF_SIGNED, handshakeTimeout: 300 });
  void echo(listener);
  const clients = await clientsOf(listener, 100);
  drip(clients, [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
  await served(listener, { tls: { rejectUnauthorized: false } });
  expect(await countsOf(clients)).toEqual({ ECONNRESET: 100 });
  expect(listener.stats).toMatchObject({ accepted: 1, refused: { handshake: 100 } });
  await until(() => listener.connections === 0);
  await served(listener, { tls: { rejectUnauthorized: false } });
});

test("100 clients that send a line byte by byte hold up no other, and the bound of the whole line cuts them off", async () => {
  const listener = await loopback();
  void echo(listener, 300);
  const clients = await clientsOf(listener, 100);
  drip(clients, []);
  await served(listener);
  expect(await countsOf(clients)).toEqual({ ECONNRESET: 100 });
  await until(() => listener.connections === 0);
  await served(listener);
});
