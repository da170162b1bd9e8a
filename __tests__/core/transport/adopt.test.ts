import { once } from "node:events";
import { createServer, request, type IncomingMessage } from "node:http";
import {
  connect as netConnect,
  createServer as createNetServer,
  type AddressInfo,
  type Socket,
} from "node:net";
import { connect as tlsConnect } from "node:tls";
import { Duplex, duplexPair, PassThrough, Readable } from "node:stream";
import { connect, Connection, listen, NetError } from "../../../src/index.js";
import { closeAll, keep, loopback, pair, socketPath, unusedPort } from "../../support/peers.js";
import { netError, timeoutError, turn, until } from "../../support/outcomes.js";
import { duplexesInMemory, socketPair, tlsPair } from "../../support/adopted-pairs.js";

afterEach(closeAll);

/** A stream's own properties, and its listeners. */
function traces(stream: Duplex): unknown {
  const events = ["data", "readable", "end", "error", "close", "finish", "drain"];
  return [
    ["push", "read", "resume", "on", "addListener"].filter((name) => Object.hasOwn(stream, name)),
    events.map((event) => stream.listenerCount(event)),
  ];
}

test("bytes that a socket has not sent when it is adopted do not count as taken, and count once when they are", async () => {
  const [ours, theirs] = await socketPair();
  const size = 32 * 1024 * 1024;
  ours.write(Buffer.alloc(size));
  const connection = keep(Connection.from(ours));
  expect(connection.bytesWritten).toBeGreaterThan(0);
  expect(connection.bytesWritten).toBeLessThan(size);
  keep(theirs.on("error", () => undefined)).resume();
  await connection.flush();
  await until(() => connection.bytesWritten === size);
});

test("a socket that is adopted again and again keeps no listener and no method", async () => {
  const [ours, theirs] = await socketPair();
  keep(theirs.on("error", () => undefined));
  const adopted = () => {
    Connection.from(ours).detach();
    return Object.getOwnPropertyDescriptor(ours, "destroy")?.value as unknown;
  };
  expect([adopted(), adopted(), adopted()]).toEqual([undefined, undefined, undefined]);
  keep(ours);
});

describe("Connection.from, over a duplexPair", () => {
  function connections(): [Connection, Connection] {
    const [a, b] = duplexPair();
    return [Connection.from(a), Connection.from(b)];
  }

  test("reads and writes, and ends one side at a time", async () => {
    const [a, b] = connections();
    await a.writeLine("question");
    expect(await b.readLine()).toBe("question");
    await a.closeWrite();
    expect(await b.read()).toBeNull();
    await b.write("answer");
    await b.closeWrite();
    expect(String(await a.readAll())).toBe("answer");
    await Promise.all([a.closed, b.closed]);
  });

  test("closes from both ends at once", async () => {
    const [a, b] = connections();
    await a.write("bye");
    await Promise.all([a.close(), b.close()]);
    await Promise.all([a.closed, b.closed]);
  });

  test("a read that times out consumes nothing", async () => {
    const [a, b] = connections();
    const error = await timeoutError(a.readLine({ timeout: 10 }));
    expect(error.message).toBe("read stream (DuplexSide): timed out after 10 ms (ETIMEDOUT)");
    await b.write("late\n");
    expect(await a.readLine()).toBe("late");
  });

  test("a write waits for the reader, and its memory may be overwritten then", async () => {
    const [a, b] = connections();
    const memory = Buffer.alloc(1_000_000, "x");
    const written = a.write(memory);
    await until(() => b.readableLength >= 64 * 1024);
    expect(a.writableLength).toBeGreaterThan(500_000);
    expect(b.readableLength).toBeLessThan(256 * 1024);
    const reading = b.readExactly(memory.length);
    await written;
    memory.fill("y");
    expect(String(await reading)).toBe("x".repeat(memory.length));
  });

  test("a timeout of 0 takes what the other side takes at once", async () => {
    const [a, b] = connections();
    await a.write("now", { timeout: 0 });
    expect(String(await b.read())).toBe("now");
    const { written } = await timeoutError(a.write(Buffer.alloc(1_000_000), { timeout: 0 }));
    expect(written).toBe("partly");
    expect((await b.readExactly(1_000_000)).length).toBe(1_000_000);
  });

  test("the other side's destroy settles every call that waits", async () => {
    const [left, right] = await duplexesInMemory();
    const [a, b] = [Connection.from(left), Connection.from(right)];
    const reading = a.read();
    b.reset();
    expect(await reading).toBeNull();
    await b.closed;
  });
});

describe("Connection.from, over an HTTP upgrade", () => {
  test("reads the bytes that came with the request, and those that follow; the server's answer goes first", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const upgraded = new Promise<Connection>((resolve) => {
      server.on("upgrade", (_request: IncomingMessage, socket: Socket, head: Buffer) => {
        socket.unshift(head);
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n");
        resolve(Connection.from(socket));
      });
    });
    const client = keep(await connect("127.0.0.1", (server.address() as AddressInfo).port));
    await client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\nearly\n");
    const connection = keep(await upgraded);
    expect(await connection.readLine()).toBe("early");
    await connection.writeLine("heard");
    expect(String(await client.readUntil("\r\n\r\n"))).toContain("101 Switching Protocols");
    expect(await client.readLine()).toBe("heard");
    expect(connection.remoteAddress).toBe("127.0.0.1");
    expect(connection.remotePort).toBe(client.localPort);
    await Promise.all([client.close(), connection.close()]);
    server.close();
    await once(server, "close");
  });

  test("can be a client's, too", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    server.on("upgrade", (_request: IncomingMessage, socket: Socket) => {
      socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello\n");
    });
    const { port } = server.address() as AddressInfo;
    const asking = request({
      port,
      host: "127.0.0.1",
      headers: { Connection: "Upgrade", Upgrade: "x" },
    }).end();
    const [, socket, head] = (await once(asking, "upgrade")) as [IncomingMessage, Socket, Buffer];
    socket.unshift(head);
    const connection = keep(Connection.from(socket));
    expect(await connection.readLine()).toBe("hello");
    expect(await connection.readLine()).toBeNull();
    await connection.close();
    server.close();
    await once(server, "close");
  });
});

describe("Connection.from, over other streams", () => {
  test("a TLS socket, with its addresses", async () => {
    const [client, server] = await tlsPair();
    const [a, b] = [Connection.from(client), Connection.from(server)];
    await a.writeLine("secret");
    expect(await b.readLine()).toBe("secret");
    expect(a.remotePort).toBe(b.localPort);
    expect(a.family).toBe(4);
    expect((await timeoutError(a.read({ timeout: 1 }))).message).toMatch(/^read 127\.0\.0\.1:\d+ -> 127/);
    await Promise.all([a.close(), b.close()]);
  });

  test("a PassThrough is an echo", async () => {
    const echo = Connection.from(new PassThrough());
    await echo.writeLine("heard");
    expect(await echo.readLine()).toBe("heard");
    await echo.closeWrite();
    expect(await echo.read()).toBeNull();
    await echo.closed;
  });

  test("a stream of text, or in object mode, gives its bytes", async () => {
    const stream = new PassThrough({ objectMode: true });
    const connection = Connection.from(stream);
    stream.push("text,");
    stream.push(new Uint8Array([98, 121, 116, 101, 115]));
    expect(String(await connection.readExactly(10))).toBe("text,bytes");
    const encoded = new PassThrough();
    encoded.setEncoding("latin1").write(Buffer.from("é", "latin1"));
    expect([...(await Connection.from(encoded).readExactly(1))]).toEqual([0xe9]);
  });

  test("a stream that yields neither bytes nor text fails the connection, and says what", async () => {
    const stream = new PassThrough({ objectMode: true });
    const connection = Connection.from(stream);
    stream.push({ an: "object" });
    const error = await netError(connection.read());
    expect(error.message).toContain("neither bytes nor text but object");
    expect(error.code).toBe("ERR_INVALID_ARG_TYPE");
    await netError(connection.closed);
  });

  test("a stream's own error is a NetError with that cause, after what had arrived", async () => {
    const stream = new PassThrough();
    const connection = Connection.from(stream);
    stream.push("before");
    const cause = Object.assign(new Error("the tunnel fell in"), { code: "ETUNNEL" });
    stream.destroy(cause);
    expect(String(await connection.readExactly(6))).toBe("before");
    const error = await netError(connection.read());
    expect([error.code, error.cause, error.operation]).toEqual(["ETUNNEL", cause, "read"]);
    expect((await netError(connection.write("x"))).cause).toBe(cause);
    expect((await netError(connection.closed)).cause).toBe(cause);
  });

  test("a stream that can only be read, or only be written", async () => {
    const source = Connection.from(
      Duplex.from({ readable: Readable.from([Buffer.from("only this")]) } as never),
    );
    expect(String(await source.readAll())).toBe("only this");
    expect((await netError(source.write("x"))).code).toBe("ERR_CLOSED");
    const taken = new PassThrough();
    const target = Connection.from(Duplex.from({ writable: taken } as never));
    expect(await target.read()).toBeNull();
    await target.write("taken");
    expect(String(taken.read())).toBe("taken");
    await Promise.all([source.close(), target.close()]);
  });

  test("a stream that is closed already is over", async () => {
    const stream = new PassThrough().destroy();
    await once(stream, "close");
    const connection = Connection.from(stream);
    await connection.closed;
    expect((await netError(connection.read())).code).toBe("ERR_CLOSED");
    expect((await netError(connection.write("x"))).code).toBe("ERR_CLOSED");
  });

  test("a socket that is still connecting", async () => {
    const server = createNetServer((socket) => socket.end("welcome\n")).listen(0, "127.0.0.1");
    await once(server, "listening");
    const connection = keep(Connection.from(netConnect((server.address() as AddressInfo).port, "127.0.0.1")));
    await connection.writeLine("hello");
    expect(await connection.readLine()).toBe("welcome");
    expect(connection.remoteAddress).toBe("127.0.0.1");
    await connection.close();
    server.close();
  });

  test("a socket that cannot connect fails the connection", async () => {
    const connection = Connection.from(netConnect(socketPath()));
    const error = await netError(connection.read());
    expect([error.code, error.syscall]).toEqual(["ENOENT", "connect"]);
  });

  test("a Unix socket", async () => {
    const path = socketPath();
    await using listener = await listen({ path });
    const a = keep(Connection.from(netConnect(path)));
    const b = keep(await listener.accept());
    await a.writeLine("hello");
    expect(await b.readLine()).toBe("hello");
    b.reset();
    expect(await a.read()).toBeNull();
  });
});

describe.each([
  ["a socket", socketPair],
  ["a TLS socket", tlsPair],
  ["one side of a pair", duplexesInMemory],
] as const)("%s that a connection has is read as a stream by a 'readable' listener", (_name, make) => {
  test.each(["on", "addListener", "once"] as const)("added with %s", async (add) => {
    const [left, right] = await make();
    const connection = Connection.from(right);
    const readable = new Promise<void>((resolve) => right[add]("readable", resolve));
    left.write("hello");
    await readable;
    expect(String(right.read())).toBe("hello");
    expect((await netError(connection.read())).code).toBe("ERR_BUSY");
    left.destroy();
    right.destroy();
    await connection.closed;
  });
});

test("a socket has no descriptor before it begins to connect", async () => {
  const listener = await loopback();
  // The name is looked up first.
  const socket = netConnect({ host: "localhost", family: 4, port: listener.port });
  const connection = keep(Connection.from(socket));
  expect(connection.fd).toBeUndefined();
  await once(socket, "connect");
  if (process.platform !== "win32") expect(connection.fd).toBeGreaterThan(2);
});

describe("what a stream has behind it when it is adopted", () => {
  test.each([
    ["a socket", socketPair],
    ["a TLS socket", tlsPair],
    ["one side of a pair", duplexesInMemory],
  ])("%s: what it has buffered is read first", async (_name, make) => {
    const [left, right] = await make();
    left.write("first,");
    await once(right, "readable");
    const b = Connection.from(right);
    left.write("second\n");
    expect(await b.readLine()).toBe("first,second");
    left.destroy();
    b.reset();
    await b.closed;
  });

  test.each([
    ["a socket", socketPair],
    ["a TLS socket", tlsPair],
  ])("%s: what was written to it is sent first", async (_name, make) => {
    const [left, right] = await make();
    const much = Buffer.alloc(8_000_000, "m");
    left.write(much);
    const a = Connection.from(left);
    const written = a.write(["then ", "this"]).then(() => a.closeWrite());
    const b = Connection.from(right);
    const received = await b.readAll();
    await written;
    expect(received.length).toBe(much.length + 9);
    expect(String(received.subarray(much.length))).toBe("then this");
    await Promise.all([a.close(), b.close()]);
  });

  test("a stream that had ended is at its end", async () => {
    const [left, right] = await socketPair();
    left.end("last words");
    await once(right.resume(), "end");
    const b = Connection.from(right);
    expect(await b.read()).toBeNull();
    left.resume();
    await b.close();
  });

  test("a stream that had ended, with bytes unread, cannot be handed over until they are read", async () => {
    const stream = new PassThrough();
    stream.end("unread");
    await turn();
    const connection = Connection.from(stream);
    await until(() => stream.readableEnded);
    expect(() => connection.detach()).toThrow(NetError);
    expect(String(await connection.readAll())).toBe("unread");
  });

  test("a stream whose writing had ended can only be read", async () => {
    const [left, right] = await socketPair();
    left.end();
    right.write("still read");
    const a = Connection.from(left);
    expect((await netError(a.write("x"))).code).toBe("ERR_CLOSED");
    expect(String(await a.read())).toBe("still read");
    right.destroy();
    a.reset();
    await a.closed;
  });
});

describe("streams that misbehave", () => {
  test("a stream that emits no 'close' is closed all the same", async () => {
    const silent = new Duplex({
      emitClose: false,
      read: () => undefined,
      write: (_chunk, _encoding, done) => done(),
    });
    const connection = Connection.from(silent);
    await connection.write("x");
    await connection.close({ timeout: 50 });
    await connection.closed;
    const failing = new Duplex({ emitClose: false, read: () => undefined });
    const failed = Connection.from(failing);
    failing.destroy(new Error("broken"));
    await netError(failed.closed);
  });

  test("a stream whose write() throws fails the write", async () => {
    const throwing = new Duplex({
      read: () => undefined,
      write: () => {
        throw new Error("thrown");
      },
    });
    const connection = Connection.from(throwing);
    expect((await netError(connection.write("x"))).message).toContain("thrown");
    await netError(connection.closed);
  });

  test("bytes that the program wrote before, and that the peer does not take, count for close and for its timeout", async () => {
    const [left, right] = await socketPair();
    left.write(Buffer.alloc(30_000_000));
    const connection = Connection.from(left);
    expect((await timeoutError(connection.close({ timeout: 50 }))).operation).toBe("close");
    await connection.closed;
    right.on("error", () => undefined).destroy();
  });

  test.each([
    ["a socket", (port: number) => netConnect(port, "127.0.0.1")],
    ["a TLS socket", (port: number) => tlsConnect(port, "127.0.0.1")],
  ])("%s that cannot connect has written nothing, however much waited", async (_, dial) => {
    const connection = Connection.from(dial(await unusedPort()));
    const writes = [
      connection.write("x"),
      connection.write(["a", "list"]),
      connection.write("x", { timeout: 5_000 }),
    ];
    const ending = connection.closeWrite();
    for (const write of writes) {
      expect(await netError(write)).toMatchObject({ code: "ECONNREFUSED", written: "nothing" });
    }
    expect((await netError(ending)).written).toBeUndefined();
    expect(connection.bytesWritten).toBe(0);
    const gathering = Connection.from(dial(await unusedPort()), { bufferSize: 4 });
    const full = gathering.write("12345");
    expect(await netError(full)).toMatchObject({ code: "ECONNREFUSED", written: "nothing" });
  });

  test("a socket that is reset, aborted or out of time before it connects has written nothing", async () => {
    const dial = () =>
      Connection.from(netConnect({ port: 1, host: "never.example", lookup: () => undefined }));
    const [one, two] = [dial(), dial()];
    const controller = new AbortController();
    const given = [two.write("a", { timeout: 0 }), two.write("b", { timeout: 5 })];
    const aborted = two.write("c", { signal: controller.signal });
    controller.abort("enough");
    await expect(aborted).rejects.toBe("enough");
    for (const write of given) expect((await timeoutError(write)).written).toBe("nothing");
    expect(two.writableLength).toBe(0);
    const waiting = [one.write("x"), one.write("y")];
    one.reset();
    for (const write of waiting) {
      expect(await netError(write)).toMatchObject({ code: "ERR_CLOSED", written: "nothing" });
    }
    two.reset();
    await Promise.all([one.closed, two.closed]);
  });

  test("what was written while a socket connects is sent in order once it has, also after a hand-over", async () => {
    const listener = await loopback();
    const connecting = () => netConnect(listener.port, "127.0.0.1");
    const a = keep(Connection.from(connecting()));
    const writes = [a.write("1"), a.write(["2", Buffer.from("3")]), a.closeWrite()];
    expect(a.writableLength).toBe(3);
    const b = keep(await listener.accept());
    expect((await b.readAll()).toString()).toBe("123");
    await Promise.all(writes);
    const socket = connecting();
    const c = Connection.from(socket);
    void c.write("x");
    const back = keep(c.detach());
    back.end("y");
    expect((await keep(await listener.accept()).readAll()).toString()).toBe("xy");
  });

  test("a socket that never connects does not take what is written", async () => {
    const socket = netConnect({ port: 1, host: "never.example", lookup: () => undefined });
    const connection = Connection.from(socket, { writeTimeout: 40 });
    expect((await timeoutError(connection.write("x"))).written).toBe("nothing");
    expect([connection.writableLength, connection.bytesWritten]).toEqual([0, 0]);
    await timeoutError(connection.flush());
    await connection.close({ timeout: 20 });
    await connection.closed;
  });

  test("bytes and an end that a socket has when it is adopted are handed over again", async () => {
    const [left, right] = await socketPair();
    left.end("bytes");
    await once(right, "readable");
    await until(() => right.readableLength === 5);
    await turn();
    const socket = Connection.from(right).detach();
    const [chunk] = (await once(socket, "data")) as [Buffer];
    expect(String(chunk)).toBe("bytes");
    await once(socket, "end");
    left.destroy();
    right.destroy();
  });
});

describe("detach of an adopted stream", () => {
  test.each([
    ["a TLS socket", tlsPair],
    ["one side of a pair", duplexesInMemory],
  ])("%s: gives the same stream, as it was, with its unread bytes", async (_name, make) => {
    const [left, right] = await make();
    const before = traces(right);
    const b = Connection.from(right);
    left.write("read\nunread");
    expect(await b.readLine()).toBe("read");
    expect(b.detach()).toBe(right);
    await turn();
    expect(traces(right)).toEqual(before);
    const [chunk] = (await once(right, "data")) as [Buffer];
    expect(String(chunk)).toBe("unread");
    left.on("error", () => undefined).destroy();
    right.on("error", () => undefined).destroy();
  });

  test("a detached connection leaves no listener on its socket", async () => {
    const [left, right] = await socketPair();
    const [, before] = traces(right) as [unknown, unknown];
    Connection.from(right).detach();
    Connection.from(right).detach();
    const [, after] = traces(right) as [unknown, unknown];
    expect(after).toEqual(before);
    left.destroy();
    right.destroy();
  });

  test("a detached socket can be adopted again", async () => {
    const { client, server } = await pair();
    await client.write("one\ntwo\nthree\n");
    expect(await server.readLine()).toBe("one");
    const again = keep(Connection.from(server.detach()));
    expect(await again.readLine()).toBe("two");
    const third = keep(Connection.from(again.detach()));
    expect(await third.readLine()).toBe("three");
    await client.write("four\n");
    expect(await third.readLine()).toBe("four");
  });
});

describe("what cannot be adopted", () => {
  test.each([
    ["nothing", undefined],
    ["null", null],
    ["a string", "stream"],
    ["a Readable", new Readable()],
    ["a web stream", new TransformStream()],
    ["an object", {}],
  ])("%s", (_name, value) => {
    expect(() => Connection.from(value as Duplex)).toThrow(TypeError);
    expect(() => Connection.from(value as Duplex)).toThrow(
      /"stream" must be a stream\.Duplex \(.*\); received/,
    );
  });

  test("a stream that another connection has", async () => {
    const { client } = await pair();
    expect(() => Connection.from(client.socket)).toThrow(/not in use by another connection/);
    const stream = new PassThrough();
    const first = Connection.from(stream);
    expect(() => Connection.from(stream)).toThrow(TypeError);
    await first.write("unharmed");
    expect(String(await first.read())).toBe("unharmed");
  });

  test("wrong options leave the stream as it was", () => {
    const stream = new PassThrough();
    const before = traces(stream);
    expect(() => Connection.from(stream, { readTimeout: -1 })).toThrow(RangeError);
    expect(() => Connection.from(stream, { bufferSize: "1" as never })).toThrow(TypeError);
    expect(() => Connection.from(stream, 5 as never)).toThrow(TypeError);
    expect(traces(stream)).toEqual(before);
  });
});

test("the options and parameters of a connection hold for an adopted one", async () => {
  const [stream] = duplexPair();
  const connection = Connection.from(stream, { readTimeout: 5 });
  expect((await timeoutError(connection.read())).timeout).toBe(5);
  expect([connection.fd, connection.remoteAddress, connection.family]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(connection.setNoDelay().setKeepAlive(true, 1_000).ref().unref()).toBe(connection);
});
