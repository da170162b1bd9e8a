import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { connect as netConnect } from "node:net";
import { Duplex, PassThrough } from "node:stream";
import {
  connect,
  Connection,
  listen,
  type ConnectionCloseEvent,
  type ConnectionEvent,
  type RefusedEvent,
} from "../src/index.js";
import { connectionChannels } from "../src/diagnostics.js";
import { LOCALHOST } from "./support/certificates.js";
import { onManualClock } from "../src/testing/manual-clock.js";
import { failure, turn, until } from "./support/outcomes.js";
import { closeAll, endOfClient, keep, loopback, netClient, pair, socketPath } from "./support/peers.js";

const OPEN = "tcp6:connection:open";
const CLOSE = "tcp6:connection:close";

const opened: ConnectionEvent[] = [];
const closed: ConnectionCloseEvent[] = [];
const noteOpen = (event: unknown): void => void opened.push(event as ConnectionEvent);
const noteClose = (event: unknown): void => void closed.push(event as ConnectionCloseEvent);

beforeEach(() => {
  opened.length = closed.length = 0;
  subscribe(OPEN, noteOpen);
  subscribe(CLOSE, noteClose);
});

afterEach(async () => {
  await closeAll();
  // The socket of a connection may be closed in the turn before the connection tells.
  await turn();
  unsubscribe(OPEN, noteOpen);
  unsubscribe(CLOSE, noteClose);
});

/** The one event of a connection of some origin. */
function only<E extends ConnectionEvent>(events: readonly E[], origin: string): E {
  const found = events.filter((event) => event.origin === origin);
  expect(found).toHaveLength(1);
  return found[0] as E;
}

/** The event of the end of a connection. */
function of(connection: Connection): ConnectionCloseEvent | undefined {
  return closed.find(({ name }) => name === connection.toString());
}

test("both ends of a connection are told, with their addresses, when they open and when they close", async () => {
  const { client, server } = await pair();
  expect(opened).toHaveLength(2);
  const [ours, theirs] = [only(opened, "connect"), only(opened, "accept")];
  expect(ours).toEqual({
    id: expect.any(Number) as number,
    origin: "connect",
    name: client.toString(),
    localAddress: "127.0.0.1",
    localPort: client.localPort,
    remoteAddress: "127.0.0.1",
    remotePort: client.remotePort,
  });
  expect(theirs).toMatchObject({ name: server.toString(), remotePort: client.localPort });
  expect(theirs.id).not.toBe(ours.id);
  await client.write("hello");
  await server.readExactly(5);
  await server.write("hi");
  await client.read();
  expect(closed).toEqual([]);
  await Promise.all([client.close(), server.close()]);
  expect(only(closed, "connect")).toEqual({
    ...ours,
    bytesRead: 2,
    bytesWritten: 5,
    duration: expect.any(Number) as number,
    end: "closed",
  });
  expect(only(closed, "accept")).toMatchObject({ ...theirs, bytesRead: 5, bytesWritten: 2, end: "closed" });
});

test("the duration is in ms", () =>
  onManualClock(async (clock) => {
    const { client, server } = await pair();
    await clock.advance(1_500);
    client.reset();
    await Promise.all([client.closed, failure(server.closed)]);
    expect(of(client)).toMatchObject({ duration: 1_500, end: "reset" });
  }));

describe("how a connection has ended is told", () => {
  test("of a local reset, and of the peer's, with the error that closed rejects with", async () => {
    const { client, server } = await pair();
    client.reset();
    const error = await failure(server.closed);
    await client.closed;
    const ours = of(client);
    expect(ours?.end).toBe("reset");
    expect(ours).not.toHaveProperty("error");
    const theirs = of(server);
    expect(theirs?.end).toBe("failed");
    expect(theirs?.error).toMatchObject({ code: "ECONNRESET", operation: "read" });
    expect(theirs?.error?.message).toBe((error as Error).message);
  });

  test("of a detached socket, at once", async () => {
    const { client, server } = await pair();
    await client.write("hello");
    await until(() => server.readableLength === 5);
    const socket = keep(server.detach());
    const { name } = only(opened, "accept");
    const ends = () => closed.filter((event) => event.name === name);
    expect(ends()).toMatchObject([{ end: "detached", bytesRead: 5 }]);
    socket.destroy();
    await once(socket, "close");
    expect(ends()).toHaveLength(1);
  });

  test("once, however often it is closed", async () => {
    const { client } = await pair();
    client.reset();
    await client.close();
    client.reset();
    await client.closed;
    expect(closed.filter(({ name }) => name === client.toString())).toHaveLength(1);
  });
});

test("a connection over a Unix socket is named by its path, and has no addresses", async () => {
  const path = socketPath();
  const listener = keep(await listen({ path }));
  keep(await connect({ path }));
  keep(await listener.accept());
  for (const origin of ["connect", "accept"]) {
    expect(only(opened, origin)).toMatchObject({
      name: path,
      remoteAddress: undefined,
      remotePort: undefined,
    });
  }
});

test("a stream that was adopted is told of", async () => {
  const stream = Duplex.from({ readable: new PassThrough(), writable: new PassThrough() });
  const connection = keep(Connection.from(stream));
  expect(only(opened, "adopt")).toMatchObject({ name: "stream (Duplexify)", remoteAddress: undefined });
  await connection.write("hello");
  connection.reset();
  await connection.closed;
  expect(only(closed, "adopt")).toMatchObject({ bytesWritten: 5, end: "reset" });
  const { port } = await loopback();
  const socket = netConnect(port, "127.0.0.1");
  await once(socket, "connect");
  opened.length = 0;
  keep(Connection.from(socket));
  expect(only(opened, "adopt")).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: port });
});

test("a TLS connection is told of when its handshake is done; startTls ends one and opens another", async () => {
  const listener = await loopback({ tls: LOCALHOST });
  const silent = await netClient(listener.port);
  await until(() => listener.connections === 1);
  expect(opened).toEqual([]);
  silent.destroy();
  const client = keep(await connect("127.0.0.1", listener.port, { tls: { rejectUnauthorized: false } }));
  const server = keep(await listener.accept());
  await client.write("hello");
  await server.readExactly(5);
  client.reset();
  await client.closed;
  expect(only(closed, "connect")).toMatchObject({ bytesWritten: 5, end: "reset" });

  const plain = await pair();
  opened.length = closed.length = 0;
  const [secure, other] = await Promise.all([
    plain.client.startTls({ rejectUnauthorized: false }),
    plain.server.startTls({ isServer: true, ...LOCALHOST }),
  ]);
  [secure, other].forEach(keep);
  expect(closed).toMatchObject([{ end: "detached" }, { end: "detached" }]);
  expect(opened).toMatchObject([{ origin: "startTls" }, { origin: "startTls" }]);
});

test("a client that is refused is in none of them", async () => {
  const refused: RefusedEvent[] = [];
  const note = (event: unknown): void => void refused.push(event as RefusedEvent);
  subscribe("tcp6:listener:refused", note);
  const { port } = await loopback({ maxConnections: 0 });
  await endOfClient(port);
  unsubscribe("tcp6:listener:refused", note);
  expect([opened, closed]).toEqual([[], []]);
  expect(refused).toHaveLength(1);
});

test("a subscriber that comes later is told of connections that were open before", async () => {
  unsubscribe(OPEN, noteOpen);
  unsubscribe(CLOSE, noteClose);
  const { client } = await pair();
  subscribe(OPEN, noteOpen);
  subscribe(CLOSE, noteClose);
  client.reset();
  await client.closed;
  expect(opened).toEqual([]);
  expect(only(closed, "connect").duration).toBeGreaterThan(0);
});

test("without subscribers no event is made", async () => {
  unsubscribe(OPEN, noteOpen);
  unsubscribe(CLOSE, noteClose);
  const { open, close } = connectionChannels;
  expect([open.hasSubscribers, close.hasSubscribers]).toEqual([false, false]);
  const { client, server } = await pair();
  await Promise.all([client.close(), server.close()]);
  expect([opened, closed]).toEqual([[], []]);
});
