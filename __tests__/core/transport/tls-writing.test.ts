/** What is written to TLS sockets: piece by piece, beside the program's own writes, and before the end. */
import { once } from "node:events";
import { connect as tlsConnect, createServer as createTlsServer, type TLSSocket } from "node:tls";
import { Connection } from "../../../src/index.js";
import { AUTHORITY, LOCALHOST } from "../../support/certificates.js";
import { adopted, socketPair, tlsPair } from "../../support/adopted-pairs.js";
import { netError, turn, until } from "../../support/outcomes.js";
import { closeAll, keep } from "../../support/peers.js";
import { tlsWire, wiredSockets, type Side } from "../../support/tls-wire.js";

afterEach(closeAll);

async function kept(): Promise<[Connection, Connection]> {
  const [a, b] = await adopted(tlsPair);
  return [keep(a), keep(b)];
}

function patternOf(size: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * seed) % 251));
}

test("8 MiB in one write are encrypted piece by piece, as the peer takes them", async () => {
  const [a, b] = await kept();
  const sent = patternOf(8 * 1024 * 1024, 7);
  const writing = a.write(sent);
  await until(() => a.bytesWritten > 0);
  for (let turns = 0; turns < 10; turns++) await turn();
  expect(a.bytesWritten).toBeLessThan(sent.length);
  expect(a.bytesWritten % (256 * 1024)).toBe(0);
  const [got] = await Promise.all([b.readExactly(sent.length), writing]);
  expect(got.equals(sent)).toBe(true);
  expect(a.bytesWritten).toBe(sent.length);
});

test("a small write is done when the kernel has taken it, and the next waits until Node says so", async () => {
  const [a, b] = await kept();
  const first = a.write("x");
  expect([a.bytesWritten, a.writableLength]).toEqual([1, 0]);
  const second = a.write("y");
  expect([a.bytesWritten, a.writableLength]).toEqual([1, 1]);
  a.socket.write("z");
  const third = a.write("!");
  await Promise.all([first, second, third]);
  expect((await b.readExactly(4)).toString()).toBe("xyz!");
  await Promise.all([a.write("end"), a.closeWrite()]);
  expect((await b.readAll()).toString()).toBe("end");
});

test("what the program writes to the socket during a write of ours goes out behind what is on its way", async () => {
  const [a, b] = await kept();
  const ours = patternOf(64 * 1024, 3);
  const theirs = patternOf(64 * 1024, 5);
  const writing = a.write(ours);
  const called = new Promise((resolve) => a.socket.write(theirs, resolve));
  a.socket.write("and more");
  await Promise.all([writing, a.write(", then ours"), called]);
  expect((await b.readExactly(ours.length)).equals(ours)).toBe(true);
  expect((await b.readExactly(theirs.length)).equals(theirs)).toBe(true);
  expect((await b.readExactly(19)).toString()).toBe("and more, then ours");
});

test("what the program writes to the socket while a large write waits goes between two pieces of it", async () => {
  const [a, b] = await kept();
  const writing = a.write(Buffer.alloc(4 * 1024 * 1024, "o"));
  await turn();
  a.socket.write(Buffer.alloc(1_000, "p"));
  const closing = a.close();
  const all = (await b.readAll({ limit: Infinity })).toString();
  await Promise.all([writing, closing, b.close()]);
  const at = all.indexOf("p");
  expect([all.length, all.lastIndexOf("p") - at, at % (256 * 1024)]).toEqual([4_195_304, 999, 0]);
});

test("an end of the program's during a write of ours comes behind it, with close_notify", async () => {
  const [a, b] = await kept();
  const writing = a.write(Buffer.alloc(200_000));
  a.socket.end();
  expect((await b.readAll({ limit: Infinity })).length).toBe(200_000);
  await writing;
  await b.close();
  await a.closed;
});

test("a detached socket sends its owner's writes behind what we had begun", async () => {
  const [a, b] = await kept();
  const rejected = netError(a.write(Buffer.alloc(1024 * 1024, "o")));
  const socket = keep(a.detach());
  socket.end("theirs");
  expect((await rejected).code).toBe("ERR_CLOSED");
  const got = await b.readAll({ limit: Infinity });
  expect([got.length, got.subarray(-6).toString()]).toEqual([1024 * 1024 + 6, "theirs"]);
});

test("a write does not wait for ever behind a record of TLS that could not be sent", async () => {
  const { ours, peers, wire } = await wiredSockets();
  const server = createTlsServer({ ...LOCALHOST, allowHalfOpen: true });
  server.emit("connection", ours);
  wire.hold();
  const client = keep(tlsConnect({ socket: peers, ca: AUTHORITY, servername: "localhost" }));
  client.on("error", () => undefined);
  wire.toUs.write(await wire.holding());
  await once(client, "secureConnect");
  const finished = await wire.holding();
  // The tickets of the server, behind its handshake, cannot be sent.
  wire.toUs.unpipe(wire.toPeer).resume();
  ours.end();
  await once(wire.toUs, "end");
  const secure = once(server, "secureConnection") as Promise<[TLSSocket]>;
  wire.toUs.write(finished);
  const connection = keep(Connection.from((await secure)[0]));
  client.write("still read");
  wire.toUs.write(await wire.holding());
  expect((await netError(connection.write("x"))).code).toBe("EPIPE");
  expect((await connection.read())?.toString()).toBe("still read");
});

test.each<Side>(["client", "server"])(
  "a %s can be reset and its socket destroyed in the very event that the handshake is done",
  async (side) => {
    for (let round = 0; round < 20; round++) {
      const [client, accepted] = await socketPair();
      const server = createTlsServer(LOCALHOST);
      const secure = once(server, "secureConnection") as Promise<[TLSSocket]>;
      server.emit("connection", accepted);
      const encrypted = tlsConnect({ socket: client, ca: AUTHORITY, servername: "localhost" });
      const peer = side === "client" ? accepted : encrypted;
      peer.on("error", () => undefined);
      const ours =
        side === "client"
          ? once(encrypted, "secureConnect").then(() => encrypted)
          : secure.then(([one]) => one);
      const connection = Connection.from(await ours);
      connection.reset();
      connection.socket.destroy();
      await connection.closed;
      expect(connection.socket.destroyed).toBe(true);
      peer.destroy();
    }
  },
);

test("a TLS socket that has connected by itself is reset, too", async () => {
  const server = createTlsServer(LOCALHOST).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const accepted = once(server, "secureConnection") as Promise<[TLSSocket]>;
  const connection = Connection.from(
    tlsConnect({ port, host: "127.0.0.1", ca: AUTHORITY, servername: "localhost" }),
  );
  await connection.write("x");
  const [peer] = await accepted;
  server.close();
  const failed = once(keep(peer), "error");
  await once(peer, "data");
  peer.write("y");
  await connection.read();
  connection.reset();
  expect(((await failed) as [NodeJS.ErrnoException])[0].code).toBe("ECONNRESET");
  await connection.closed;
});

test("a TLS socket within another is reset at the bottom", async () => {
  const { ours, peer } = await tlsWire("client");
  const inner = tlsConnect({ socket: ours, ca: AUTHORITY, servername: "localhost" });
  const server = createTlsServer(LOCALHOST);
  const accepted = once(server, "secureConnection") as Promise<[TLSSocket]>;
  server.emit("connection", peer);
  await Promise.all([once(inner, "secureConnect"), accepted]);
  const a = keep(Connection.from(inner));
  const b = keep(Connection.from((await accepted)[0]));
  await Promise.all([a.write("hello"), b.write("and back")]);
  expect([String(await a.read()), String(await b.read())]).toEqual(["and back", "hello"]);
  await a.closeWrite();
  expect(await b.read()).toBeNull();
  a.reset();
  await a.closed;
  expect([inner.closed, ours.destroyed]).toEqual([true, true]);
});
