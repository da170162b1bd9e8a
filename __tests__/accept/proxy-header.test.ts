import { Buffer } from "node:buffer";
import { once } from "node:events";
import { BlockList, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect as tlsConnect, type TLSSocket } from "node:tls";
import fc from "../support/fast-check.js";
import {
  connect,
  listen,
  NetError,
  serve,
  type Connection,
  type ListenOptions,
  type RefusedEvent,
} from "../../src/index.js";
import { switchOff, type Capability } from "../../src/core/transport/node-internals.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { isPending, turn, until } from "../support/outcomes.js";
import { closeAll, endOf, keep, loopback, netClient, socketPath } from "../support/peers.js";
import { BAD_HEADERS, binary, GOOD_HEADERS, tlv } from "../support/proxy-headers.js";
import { notedRefusals } from "../support/refusals.js";
import { nothingLeft } from "../support/resources.js";

const LINE = Buffer.from("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
const LINE_OF_SIX = Buffer.from("PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n");
const BINARY = binary(
  "21",
  "11",
  "c0000201c6336402dc0401bb" + tlv(2, "example.org") + tlv(5, Buffer.alloc(128, 7)),
);

const refusals = notedRefusals();

afterEach(async () => {
  switchOff();
  await closeAll();
  await nothingLeft();
});

/** A list with these addresses. */
function listOf(...addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) list.addAddress(address, address.includes(":") ? "ipv6" : "ipv4");
  return list;
}

/** Sends bytes in pieces of `size`, each in a segment of its own. */
async function sendInPieces(client: Socket, bytes: Buffer, size: number): Promise<void> {
  client.setNoDelay(true);
  for (let at = 0; at < bytes.length; at += size) {
    await new Promise((resolve) => client.write(bytes.subarray(at, at + size), resolve));
    await turn();
  }
}

/** A client that sends `bytes` in one segment, and the connection that is accepted. */
async function accepted(bytes: Buffer, options: ListenOptions = { proxyProtocol: "require" }) {
  const listener = await loopback(options);
  const client = await netClient(listener.port);
  client.write(bytes);
  return { listener, client, server: keep(await listener.accept()) };
}

/** The one refusal that there was. */
async function onlyRefusal(): Promise<RefusedEvent> {
  await until(() => refusals.length > 0);
  expect(refusals).toHaveLength(1);
  return refusals[0] as RefusedEvent;
}

const KINDS: readonly (readonly [name: string, off: readonly Capability[]])[] = [
  ["", []],
  [", of a socket that Node has made", ["acceptsHandles"]],
  [", of a socket that is used as any Duplex is", ["worksPastStreams"]],
  [
    ", where nothing of Node's inside is known",
    ["acceptsHandles", "worksPastStreams", "restoresFlow", "stopsReadingAtOnce"],
  ],
];

describe.each(KINDS)("a header%s", (_, off) => {
  beforeEach(() => switchOff(...off));

  describe.each([
    ["in one segment with data", Infinity],
    ["byte by byte", 1],
    ["in pieces of 7 bytes", 7],
  ])("%s", (_, size) => {
    test.each([
      ["a line", LINE, "192.0.2.1", 4],
      ["a line of IPv6", LINE_OF_SIX, "2001:db8::1", 6],
      ["a binary header", BINARY, "192.0.2.1", 4],
    ])(
      "%s makes the client the peer, and what follows is the client's",
      async (_, header, address, family) => {
        const listener = await loopback({ proxyProtocol: "require" });
        const client = await netClient(listener.port);
        const sending = sendInPieces(client, Buffer.concat([header, Buffer.from("hello\nworld\n")]), size);
        const server = keep(await listener.accept());
        expect(server).toMatchObject({ remoteAddress: address, remotePort: 56_324, family });
        expect(server).toMatchObject({ localAddress: "127.0.0.1", localPort: listener.port });
        expect(server.proxy).toMatchObject({
          sourceAddress: address,
          sourcePort: 56_324,
          destinationPort: 443,
        });
        expect(server.socket.remoteAddress).toBe("127.0.0.1");
        expect(server.socket.remotePort).toBe(client.localPort);
        expect(await server.readLine()).toBe("hello");
        expect(await server.readLine()).toBe("world");
        expect(server.bytesRead).toBe(12);
        await sending;
        await server.writeLine("answer");
        expect(String((await once(client, "data"))[0])).toBe("answer\n");
        client.end();
        expect(await server.read()).toBeNull();
        expect(listener.stats).toMatchObject({ accepted: 1, open: 1, refused: { handshake: 0 } });
        await server.close();
        expect(listener.stats.open).toBe(0);
      },
    );
  });

  test("with data and the end of the stream behind it, all in one segment", async () => {
    const listener = await loopback({ proxyProtocol: "require" });
    const client = await netClient({ port: listener.port, host: "127.0.0.1", allowHalfOpen: true });
    client.end(Buffer.concat([BINARY, Buffer.from("all")]));
    const server = keep(await listener.accept());
    expect(String(await server.readAll())).toBe("all");
    await server.writeLine("answer");
    await server.closeWrite();
    expect(String((await once(client, "data"))[0])).toBe("answer\n");
    await server.closed;
  });

  test("with the end of the stream behind it, also if that comes before it is accepted", async () => {
    const listener = await loopback({ proxyProtocol: "require" });
    const client = await netClient(listener.port);
    client.end(BINARY);
    await until(() => listener.pending === 1);
    for (let i = 0; i < 5; i++) await turn();
    const server = keep(await listener.accept());
    expect(await server.read()).toBeNull();
    await server.close();
  });

  test("with more behind it than is read at once: nothing of it is lost, and no more is read than before", async () => {
    const listener = await loopback({ proxyProtocol: "require" });
    const client = await netClient(listener.port);
    const data = Buffer.alloc(3_000_000, "abcdefghij");
    client.end(Buffer.concat([LINE, data]));
    await until(() => listener.pending === 1);
    const server = keep(await listener.accept());
    const received = await server.readAll();
    expect(received.length).toBe(data.length);
    expect(received.equals(data)).toBe(true);
  });

  test("leaves no listener behind on the socket, and the socket is detached as any other", async () => {
    const names = async (options: ListenOptions, bytes: Buffer) => {
      const { client, server } = await accepted(bytes, options);
      const socket = server.detach();
      keep(socket);
      const counts = socket.eventNames().map((name) => [name, socket.listenerCount(name)]);
      const [data] = (await once(socket, "data")) as [Buffer];
      client.end();
      // It ends when its peer does.
      await once(socket, "close");
      return [String(data), counts];
    };
    const with_ = await names({ proxyProtocol: "require" }, Buffer.concat([LINE, Buffer.from("data")]));
    expect(with_).toEqual(await names({}, Buffer.from("data")));
  });

  test("comes before TLS, also in one segment with it", async () => {
    for (const size of [Infinity, 60]) {
      const listener = await loopback({ proxyProtocol: "require", tls: LOCALHOST });
      const { secure, server } = await secureBehind(listener.port, BINARY, size, () => listener.accept());
      expect(server).toMatchObject({ remoteAddress: "192.0.2.1", remotePort: 56_324 });
      expect(server.proxy?.tlvs.get(2)?.toString()).toBe("example.org");
      expect(server.tls?.servername).toBe("localhost");
      expect(server.socket.remoteAddress).toBe("127.0.0.1");
      secure.write("hello\n");
      expect(await server.readLine()).toBe("hello");
      await server.writeLine("answer");
      expect(String((await once(secure, "data"))[0])).toBe("answer\n");
      secure.end();
      expect(await server.read()).toBeNull();
      await server.close();
    }
  });
});

/** A TLS client whose first bytes come behind a header, in pieces of `size`. */
async function secureBehind(port: number, header: Buffer, size: number, accept: () => Promise<Connection>) {
  const raw = await netClient(port);
  let before = header;
  const stream = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _, done) {
      const bytes = Buffer.concat([before, chunk]);
      before = Buffer.alloc(0);
      sendInPieces(raw, bytes, size).then(() => done(), done);
    },
    final: (done) => void raw.end(done),
  });
  raw.on("data", (chunk) => stream.push(chunk));
  raw.on("end", () => stream.push(null));
  const secure: TLSSocket = keep(tlsConnect({ socket: stream, ca: AUTHORITY, servername: "localhost" }));
  secure.on("error", () => undefined);
  const [server] = await Promise.all([accept(), once(secure, "secureConnect")]);
  return { secure, server: keep(server) };
}

test("each good header leads to a connection that says what it has said", async () => {
  const listener = await loopback({ proxyProtocol: "require" });
  for (const { bytes, says, tlvs = [] } of GOOD_HEADERS) {
    const client = await netClient(listener.port);
    client.write(Buffer.concat([bytes, Buffer.from("data")]));
    const server = keep(await listener.accept());
    expect(server.proxy).toMatchObject({ ...says, tlvs: new Map(tlvs) });
    expect(String(await server.readExactly(4))).toBe("data");
    server.reset();
  }
});

test("however the bytes of a client are split, all of them arrive", async () => {
  const listener = await loopback({ proxyProtocol: "require" });
  const header = fc.constantFrom(
    ...GOOD_HEADERS.map(({ bytes }) => bytes).filter(({ length }) => length < 400),
  );
  const scenario = fc.tuple(
    header,
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.integer({ min: 1, max: 80 })),
  );
  await fc.assert(
    fc.asyncProperty(scenario, async ([bytes, data, sizes]) => {
      const client = await netClient(listener.port);
      const accepting = listener.accept();
      const all = Buffer.concat([bytes, data]);
      client.setNoDelay(true);
      let at = 0;
      for (const size of sizes) {
        client.write(all.subarray(at, at + size));
        at += size;
        await turn();
      }
      client.end(all.subarray(at));
      const server = keep(await accepting);
      expect(server.proxy?.version).toBe(bytes[0] === LINE[0] ? 1 : 2);
      expect((await server.readAll()).equals(data)).toBe(true);
      await server.close();
    }),
    { numRuns: 60 },
  );
  expect(listener.stats).toMatchObject({ accepted: 60, open: 0, refused: { handshake: 0 } });
});

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 1e9));

test(`random bytes from many clients at a time refuse those clients, and nothing else happens (SEED=${String(seed)})`, async () => {
  const listener = await loopback({ proxyProtocol: "require" });
  const begins = [Buffer.alloc(0), LINE.subarray(0, 12), BINARY.subarray(0, 12), BINARY.subarray(0, 14)];
  const noise = fc.sample(fc.uint8Array({ minLength: 120, maxLength: 300 }), { numRuns: 80, seed });
  const ends = noise.map(async (bytes, i) => {
    const client = await netClient(listener.port);
    client.end(Buffer.concat([begins[i % begins.length] ?? LINE, bytes]));
    return await endOf(client);
  });
  await Promise.all(ends);
  await until(() => listener.connections === listener.pending);
  for (const { error } of refusals) {
    expect(error).toBeInstanceOf(NetError);
    // One that ends inside what it says is its size has left.
    expect(["ERR_PROXY_PROTOCOL", "ECONNRESET"]).toContain(error.code);
  }
  expect(refusals.length).toBeGreaterThan(60);
  const client = await netClient(listener.port);
  client.write(LINE);
  while ((keep(await listener.accept()).proxy?.sourcePort ?? 0) !== 56_324);
});

test.each([
  ["LOCAL", binary("20", "00"), { version: 2, command: "local" }],
  ["UNKNOWN", Buffer.from("PROXY UNKNOWN 192.0.2.1 198.51.100.2 1 2\r\n"), { version: 1, command: "proxy" }],
  ["UDP", binary("21", "12", "c0000201c6336402dc0401bb"), { version: 2, command: "proxy" }],
])("%s keeps the real peer", async (_, header, says) => {
  const { client, server } = await accepted(header);
  expect(server).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: client.localPort });
  expect(server.proxy).toMatchObject({ ...says, sourceAddress: undefined, sourcePort: undefined });
});

test("a client of a Unix socket has no address: the balancer's would be somebody else's", async () => {
  const path = "/run/client".padEnd(108, "\0");
  const { server, listener } = await accepted(binary("21", "31", Buffer.from(path + path).toString("hex")));
  expect(server).toMatchObject({ remoteAddress: undefined, remotePort: undefined });
  expect(server).toMatchObject({ localAddress: "127.0.0.1", localPort: listener.port });
  expect(server.proxy).toMatchObject({ sourceAddress: "/run/client", destinationAddress: "/run/client" });
});

test("without the option a header is data, and there is no proxy", async () => {
  for (const options of [{}, { proxyProtocol: "off" }] as const) {
    const { server } = await accepted(LINE, options);
    expect(await server.readLine()).toBe(LINE.toString().trim());
    expect(server.proxy).toBeUndefined();
    expect(server.remoteAddress).toBe("127.0.0.1");
  }
});

test("errors and what is printed name the client", async () => {
  const { server, client, listener } = await accepted(LINE);
  const name = `127.0.0.1:${String(listener.port)} -> 192.0.2.1:56324`;
  expect(String(server)).toBe(name);
  client.resetAndDestroy();
  await expect(server.read()).rejects.toMatchObject({
    code: "ECONNRESET",
    address: "192.0.2.1",
    port: 56_324,
    message: expect.stringContaining(name) as unknown,
  });
});

test("a connection that becomes secure later keeps what the header has said", async () => {
  const listener = await loopback({ proxyProtocol: "require" });
  const { server } = await secureBehind(listener.port, LINE, Infinity, async () => {
    const plain = await listener.accept();
    return await plain.startTls({ isServer: true, ...LOCALHOST });
  });
  expect(server.tls?.servername).toBe("localhost");
  expect(server.proxy).toMatchObject({ version: 1, sourceAddress: "192.0.2.1" });
  expect(server.remoteAddress).toBe("192.0.2.1");
});

test("with readAhead: 0 what came in one segment with the header is there, and nothing else is read", async () => {
  const { client, server } = await accepted(Buffer.concat([LINE, Buffer.from("one")]), {
    proxyProtocol: "require",
    readAhead: 0,
  });
  await new Promise((resolve) => client.write("two", resolve));
  for (let i = 0; i < 5; i++) await turn();
  expect(server.bytesRead).toBe(3);
  expect(String(await server.readExactly(6))).toBe("onetwo");
});

describe("a client that is waited for", () => {
  test("holds up no other, and does not reach accept()", async () => {
    const listener = await loopback({ proxyProtocol: "require" });
    const silent = await netClient(listener.port);
    const begun = await netClient(listener.port);
    begun.write(LINE.subarray(0, 20));
    await until(() => listener.connections === 2);
    const other = await netClient(listener.port);
    other.write(BINARY);
    expect(keep(await listener.accept()).proxy?.version).toBe(2);
    const accepting = listener.accept();
    expect(await isPending(accepting)).toBe(true);
    expect(listener).toMatchObject({ pending: 0, connections: 3 });
    begun.write(LINE.subarray(20));
    expect(keep(await accepting).proxy?.version).toBe(1);
    silent.write(LINE);
    keep(await listener.accept());
  });

  test("is refused when its time is up, with its own address", async () => {
    for (const options of [{}, { tls: LOCALHOST }]) {
      refusals.length = 0;
      const listener = await loopback({ proxyProtocol: "require", handshakeTimeout: 30, ...options });
      const client = await netClient(listener.port);
      const { localPort } = client;
      client.write(LINE.subarray(0, -1));
      expect(await endOf(client)).toBe("ECONNRESET");
      const { reason, error, remoteAddress, remotePort } = await onlyRefusal();
      expect({ reason, remoteAddress, remotePort }).toEqual({
        reason: "handshake",
        remoteAddress: "127.0.0.1",
        remotePort: localPort,
      });
      expect(error).toMatchObject({ operation: "accept", code: "ETIMEDOUT", timeout: 30 });
      expect(listener.stats).toMatchObject({ accepted: 0, refused: { handshake: 1 } });
    }
  });

  test.each([
    ["ends", "end", "the client ended the connection"],
    ["resets", "resetAndDestroy", "connection reset by peer"],
  ] as const)("is refused when it %s the connection in its header, or before", async (_, leave, reason) => {
    for (const bytes of [Buffer.alloc(0), LINE.subarray(0, 30), BINARY.subarray(0, 14)]) {
      refusals.length = 0;
      const listener = await loopback({ proxyProtocol: "require" });
      const client = await netClient(listener.port);
      if (bytes.length > 0) await new Promise((resolve) => client.write(bytes, resolve));
      await until(() => listener.connections === 1);
      client[leave]();
      const { error, reason: step } = await onlyRefusal();
      expect(step).toBe("handshake");
      expect(error).toMatchObject({ operation: "accept", code: "ECONNRESET" });
      expect(error.message).toContain(reason);
      expect(listener.stats.refused.handshake).toBe(1);
      expect(listener).toMatchObject({ pending: 0, connections: 0 });
    }
  });

  test("is reset when the listener closes, and nothing stays behind", async () => {
    const listener = await loopback({ proxyProtocol: "require" });
    const client = await netClient(listener.port);
    client.write(LINE.subarray(0, 10));
    await until(() => listener.connections === 1);
    const [, end] = await Promise.all([listener.close(), endOf(client)]);
    expect(end).toBe("ECONNRESET");
    expect(refusals).toEqual([]);
  });

  test("and is ready when the listener closes is reset as well", async () => {
    const listener = await loopback({ proxyProtocol: "require" });
    const client = await netClient(listener.port);
    client.write(Buffer.concat([LINE, Buffer.from("data")]));
    await until(() => listener.pending === 1);
    const [, end] = await Promise.all([listener.close(), endOf(client)]);
    expect(end).toBe("ECONNRESET");
  });
});

test("each bad header is refused at once, and so is what is none", async () => {
  const listener = await loopback({ proxyProtocol: "require", handshakeTimeout: Infinity });
  for (const { name, bytes, reason } of BAD_HEADERS) {
    refusals.length = 0;
    const client = await netClient(listener.port);
    client.write(bytes);
    expect([name, await endOf(client)]).toEqual([name, "ECONNRESET"]);
    const event = await onlyRefusal();
    expect(event).toMatchObject({ reason: "handshake", remoteAddress: "127.0.0.1" });
    expect(event.error).toMatchObject({ operation: "accept", code: "ERR_PROXY_PROTOCOL", transient: false });
    expect(event.error.message).toMatch(reason);
  }
  expect(listener.stats).toMatchObject({ accepted: 0, refused: { handshake: BAD_HEADERS.length } });
  expect(listener.connections).toBe(0);
});

test("a handshake that fails behind a header is told of with the address of the client", async () => {
  const listener = await loopback({ proxyProtocol: "require", tls: LOCALHOST });
  const client = await netClient(listener.port);
  client.write(Buffer.concat([LINE, Buffer.from("GET / HTTP/1.1\r\n\r\n")]));
  await endOf(client);
  const event = await onlyRefusal();
  expect(event).toMatchObject({ reason: "handshake", remoteAddress: "192.0.2.1", remotePort: 56_324 });
  expect(event.error.operation).toBe("tls");
});

test("a client that ends behind its header and its first message of TLS is refused", async () => {
  const listener = await loopback({ proxyProtocol: "require", tls: LOCALHOST });
  const hello = await clientHello();
  for (const bytes of [LINE, Buffer.concat([LINE, hello])]) {
    refusals.length = 0;
    const client = await netClient({ port: listener.port, host: "127.0.0.1", allowHalfOpen: true });
    client.resume().end(bytes);
    const event = await onlyRefusal();
    expect(event).toMatchObject({ reason: "handshake", remoteAddress: "192.0.2.1" });
    client.destroy();
  }
});

/** The first message of a TLS client. */
async function clientHello(): Promise<Buffer> {
  const hello = await new Promise<Buffer>((resolve) => {
    const stream = new Duplex({ read: () => undefined, write: (chunk: Buffer) => resolve(chunk) });
    tlsConnect({ socket: stream, servername: "localhost" }).on("error", () => undefined);
  });
  return hello;
}

describe("trust", () => {
  test("reads the headers of those on the list", async () => {
    const { server } = await accepted(LINE, { proxyProtocol: { trust: listOf("127.0.0.1") } });
    expect(server.remoteAddress).toBe("192.0.2.1");
  });

  test("refuses one on the list that sends no header", async () => {
    const listener = await loopback({ proxyProtocol: { trust: listOf("127.0.0.1") } });
    const client = await netClient(listener.port);
    client.write("hello\n");
    expect(await endOf(client)).toBe("ECONNRESET");
    expect((await onlyRefusal()).error.code).toBe("ERR_PROXY_PROTOCOL");
  });

  test("takes all others as they are, without a wait: a header of theirs is data", async () => {
    const listener = await loopback({ proxyProtocol: { trust: listOf("192.0.2.9") } });
    const client = await netClient(listener.port);
    const server = keep(await listener.accept());
    expect(server).toMatchObject({ remoteAddress: "127.0.0.1", proxy: undefined });
    client.write(LINE);
    expect(await server.readLine()).toBe(LINE.toString().trim());
  });

  test("goes by the list as it is when a client comes", async () => {
    const trust = listOf("192.0.2.9");
    const listener = await loopback({ proxyProtocol: { trust } });
    await netClient(listener.port);
    keep(await listener.accept());
    trust.addAddress("127.0.0.1");
    (await netClient(listener.port)).write(LINE);
    expect(keep(await listener.accept()).remoteAddress).toBe("192.0.2.1");
  });

  test("knows an IPv4 balancer that has connected to an IPv6 socket, and one of IPv6", async () => {
    const trust = listOf("127.0.0.1", "::1");
    const listener = keep(await listen(0, { proxyProtocol: { trust } }));
    for (const host of ["127.0.0.1", "::1"]) {
      (await netClient({ port: listener.port, host })).write(LINE_OF_SIX);
      const server = keep(await listener.accept());
      expect(server).toMatchObject({ remoteAddress: "2001:db8::1", family: 6 });
    }
  });

  test("does not believe a peer whose address is not known any more, since it has left", async () => {
    const listener = keep(await listen(0, { proxyProtocol: { trust: listOf("127.0.0.1") } }));
    listener.server.prependListener("connection", (socket: Socket) => {
      for (const name of ["remoteAddress", "remotePort"])
        Object.defineProperty(socket, name, { value: undefined });
    });
    const client = await netClient(listener.port);
    client.write(LINE);
    expect(await endOf(client)).toBe("ECONNRESET");
    const { error, reason, remoteAddress } = await onlyRefusal();
    expect(reason).toBe("handshake");
    expect({ code: error.code, remoteAddress }).toEqual({ code: "ECONNRESET", remoteAddress: undefined });
  });
});

describe("at a Unix socket", () => {
  const unixListener = async (options: ListenOptions) => {
    const path = socketPath();
    return { path, listener: keep(await listen({ path }, options)) };
  };

  test("a header is read if it is required", async () => {
    const { path, listener } = await unixListener({ proxyProtocol: "require" });
    (await netClient({ path })).write(Buffer.concat([BINARY, Buffer.from("hello\n")]));
    const server = keep(await listener.accept());
    expect(server).toMatchObject({ remoteAddress: "192.0.2.1", remotePort: 56_324, localAddress: undefined });
    expect(String(server)).toBe("192.0.2.1:56324");
    expect(await server.readLine()).toBe("hello");
  });

  test("its clients are on no list, since they have no address", async () => {
    const { path, listener } = await unixListener({ proxyProtocol: { trust: listOf("127.0.0.1") } });
    (await netClient({ path })).write(LINE);
    const server = keep(await listener.accept());
    expect(server.proxy).toBeUndefined();
    expect(await server.readLine()).toBe(LINE.toString().trim());
  });

  test("a client without a header is refused", async () => {
    const { path, listener } = await unixListener({ proxyProtocol: "require" });
    const client = await netClient({ path });
    client.write("hello\n");
    expect(await endOf(client)).toBe("end");
    expect(await onlyRefusal()).toMatchObject({ reason: "handshake", remoteAddress: undefined });
    expect(listener.stats.refused.handshake).toBe(1);
  });
});

describe("a blockList", () => {
  test("has the clients of a balancer refused by their own address, also before TLS", async () => {
    for (const options of [{}, { tls: LOCALHOST }]) {
      refusals.length = 0;
      const blockList = listOf("192.0.2.1");
      const listener = await loopback({ proxyProtocol: "require", blockList, ...options });
      const client = await netClient(listener.port);
      client.write(LINE);
      expect(await endOf(client)).toBe("ECONNRESET");
      const { reason, remoteAddress, error } = await onlyRefusal();
      expect({ reason, remoteAddress }).toEqual({ reason: "blocked", remoteAddress: "192.0.2.1" });
      expect(error.code).toBe("ERR_IP_BLOCKED");
      expect(listener.stats.refused).toMatchObject({ blocked: 1, handshake: 0 });
    }
  });

  test("that throws has the client refused", async () => {
    const blockList = new BlockList();
    const failure = new Error("no list");
    blockList.check = (address) => {
      if (address === "192.0.2.1") throw failure;
      return false;
    };
    const listener = await loopback({ proxyProtocol: "require", blockList });
    const client = await netClient(listener.port);
    client.write(LINE);
    expect(await endOf(client)).toBe("ECONNRESET");
    const { reason, error } = await onlyRefusal();
    expect({ reason, cause: error.cause }).toEqual({ reason: "blocked", cause: failure });
    expect(listener.stats.refused).toMatchObject({ blocked: 1, handshake: 0 });
  });

  test("lets others pass, also those without an address", async () => {
    const path = "/run/client".padEnd(108, "\0");
    const unix = binary("21", "31", Buffer.from(path + path).toString("hex"));
    for (const header of [LINE_OF_SIX, binary("20", "00"), unix]) {
      await accepted(header, { proxyProtocol: "require", blockList: listOf("192.0.2.1") });
    }
    expect(refusals).toEqual([]);
  });
});

describe("the option", () => {
  test.each<[unknown, string]>([
    [true, '"proxyProtocol" must be "off", "require" or { trust: a net.BlockList }; received true'],
    [
      "on",
      '"proxyProtocol" must be "off", "require" or { trust: a net.BlockList }; received a string of 2 characters',
    ],
    [null, '"proxyProtocol" must be "off", "require" or { trust: a net.BlockList }; received null'],
    [{}, '"proxyProtocol.trust" must be a net.BlockList; received undefined'],
    [
      { trust: ["127.0.0.1"] },
      '"proxyProtocol.trust" must be a net.BlockList; received an array of 1 element',
    ],
    [{ turst: new BlockList() }, '"turst" is no option: did you mean "trust"?'],
  ])("%p is refused", async (proxyProtocol, message) => {
    await expect(listen(0, { proxyProtocol } as ListenOptions)).rejects.toMatchObject({
      name: "TypeError",
      message,
    });
  });
});

test("a connection of this library's is a client like any other", async () => {
  const listener = await loopback({ proxyProtocol: "require" });
  const client = keep(await connect("127.0.0.1", listener.port));
  await client.write([LINE, "hello\n"]);
  expect(await keep(await listener.accept()).readLine()).toBe("hello");
});

test("serve counts the connections of an address by that of the client, not of the balancer", async () => {
  const listener = await loopback({ proxyProtocol: "require" });
  const served: (string | undefined)[] = [];
  const stop = new AbortController();
  const serving = serve(
    listener,
    async (connection, { signal }) => {
      served.push(connection.remoteAddress);
      await once(signal, "abort");
    },
    { perAddress: 1, signal: stop.signal, grace: 0 },
  );
  for (const header of [LINE, LINE_OF_SIX, BINARY]) (await netClient(listener.port)).write(header);
  await until(() => served.length + refusals.length === 3);
  expect(served.sort()).toEqual(["192.0.2.1", "2001:db8::1"]);
  expect(refusals).toMatchObject([{ reason: "perAddress", remoteAddress: "192.0.2.1" }]);
  stop.abort();
  await serving;
});
