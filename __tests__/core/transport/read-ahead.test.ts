/** Streams of the program's that are adopted by a connection which reads nothing ahead. */
import { once } from "node:events";
import { connect as netConnect, createServer, type AddressInfo, type Socket } from "node:net";
import { PassThrough } from "node:stream";
import { connect as tlsConnect, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { Connection } from "../../../src/index.js";
import { duplexesInMemory, socketPair } from "../../support/adopted-pairs.js";
import { SELF_SIGNED } from "../../support/certificates.js";
import { turn, until } from "../../support/outcomes.js";
import { closeAll, keep } from "../../support/peers.js";

afterEach(closeAll);

const UNREAD = { readAhead: 0 };

async function severalTurns(): Promise<void> {
  for (let turns = 0; turns < 10; turns++) await turn();
}

/** Both ends of a connection; a reset of one is no error of the other. */
async function sockets(): Promise<[Socket, Socket]> {
  const pair = await socketPair();
  for (const socket of pair) keep(socket).on("error", () => undefined);
  return pair;
}

/** How a socket may be when it is adopted. */
const STATES: Readonly<Record<string, (socket: Socket) => void>> = {
  "as it was made": () => undefined,
  "that was paused": (socket) => void socket.pause(),
  "that flows": (socket) => void socket.on("data", () => undefined),
  "that was read for 'readable'": (socket) => void socket.on("readable", () => undefined),
};

describe.each(Object.entries(STATES))("a socket %s", (_, prepare) => {
  test("is not read on before a read waits, nor after", async () => {
    const [socket, peer] = await sockets();
    prepare(socket);
    await severalTurns();
    const connection = keep(Connection.from(socket, UNREAD));
    peer.write("first");
    await severalTurns();
    expect(connection.bytesRead).toBe(0);
    expect(String(await connection.readExactly(5))).toBe("first");
    peer.write("second");
    await severalTurns();
    expect(connection.bytesRead).toBe(5);
    expect(String(await connection.readExactly(6))).toBe("second");
  });

  test("reads by itself when it is given back", async () => {
    const [socket, peer] = await sockets();
    prepare(socket);
    const connection = Connection.from(socket, UNREAD);
    peer.write("unread");
    await severalTurns();
    socket.removeAllListeners("data").removeAllListeners("readable");
    expect(connection.detach()).toBe(socket);
    socket.resume();
    const [chunk] = (await once(socket, "data")) as [Buffer];
    expect(String(chunk)).toBe("unread");
    peer.end();
    await once(socket, "end");
  });
});

test("what a socket had read before it was adopted comes first", async () => {
  const [socket, peer] = await sockets();
  peer.write("read before,");
  await until(() => socket.readableLength === 12);
  const connection = keep(Connection.from(socket, UNREAD));
  peer.write("and after");
  await severalTurns();
  expect(connection.readableLength).toBe(12);
  expect(String(await connection.readUntil(","))).toBe("read before");
  expect(String(await connection.readExactly(9))).toBe("and after");
});

test("a socket that is still connecting is not read before a read waits", async () => {
  const server = createServer((socket) => socket.on("error", () => undefined).end("greeting")).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  const socket = netConnect((server.address() as AddressInfo).port, "127.0.0.1");
  const connection = keep(Connection.from(socket, UNREAD));
  await once(socket, "connect");
  await severalTurns();
  expect(connection.bytesRead).toBe(0);
  expect(String(await connection.readAll())).toBe("greeting");
  server.close();
});

test("a stream that flows stops until a read waits", async () => {
  const [one, other] = await duplexesInMemory();
  one.on("data", () => undefined);
  const connection = keep(Connection.from(one, UNREAD));
  other.write("for the connection");
  await severalTurns();
  expect(connection.bytesRead).toBe(0);
  expect(String(await connection.readExactly(18))).toBe("for the connection");
  other.destroy();
});

test("a stream from which nothing was read is given back with nothing changed", async () => {
  const [one, other] = await duplexesInMemory();
  const before = { listeners: one.eventNames(), flowing: one.readableFlowing, own: Object.keys(one).sort() };
  const connection = Connection.from(one, UNREAD);
  await severalTurns();
  connection.detach();
  await severalTurns();
  expect({ listeners: one.eventNames(), flowing: one.readableFlowing, own: Object.keys(one).sort() }).toEqual(
    before,
  );
  other.destroy();
  one.destroy();
});

test("a TLS socket that was just made does its handshake while no read waits", async () => {
  const server = createTlsServer(SELF_SIGNED).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = tlsConnect({ port, host: "127.0.0.1", ca: SELF_SIGNED.cert, servername: "localhost" });
  const connection = keep(Connection.from(socket, UNREAD));
  const [accepted] = (await once(server, "secureConnection")) as [TLSSocket];
  const other = keep(Connection.from(accepted, UNREAD));
  await connection.write("question");
  expect(String(await other.readExactly(8))).toBe("question");
  await other.write("answer");
  await other.closeWrite();
  expect(String(await connection.readAll())).toBe("answer");
  server.close();
});

test("a stream of one's own is asked for nothing before a read waits", async () => {
  let asked = 0;
  const stream = new PassThrough();
  const read = stream._read.bind(stream);
  stream._read = (size) => {
    asked++;
    read(size);
  };
  const connection = keep(Connection.from(stream, UNREAD));
  await severalTurns();
  expect(asked).toBe(0);
  await connection.write("echo");
  expect(String(await connection.readExactly(4))).toBe("echo");
  expect(asked).toBeGreaterThan(0);
});
