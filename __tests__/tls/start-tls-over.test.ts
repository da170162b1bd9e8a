/** What startTls can begin on: adopted streams, tunnels, TLS itself; and what the new connection has of the old one. */
import { once } from "node:events";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect as netConnect, type AddressInfo, type Socket } from "node:net";
import { nextTick } from "node:process";
import { Duplex } from "node:stream";
import { connect as tlsConnect, TLSSocket } from "node:tls";
import {
  connect,
  connectDuplex,
  Connection,
  listen,
  relay,
  type ConnectionOptions,
  type StartTlsOptions,
} from "../../src/index.js";
import { adopted, duplexesInMemory, socketPair, tlsPair, tunnelPair } from "../support/adopted-pairs.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { memoryPair } from "../../src/testing/memory-pair.js";
import { failure, isPending, netError, timeoutError, turn, until } from "../support/outcomes.js";
import { closeAll, keep, loopback, pair } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";

const CLIENT = { ca: AUTHORITY, servername: "localhost", timeout: 5_000 };
const SERVER = { ...LOCALHOST, isServer: true, timeout: 5_000 };
/** More than the kernel's buffers of both ends take. */
const LARGE = 8 * 1024 * 1024;

const servers: Server[] = [];

afterEach(async () => {
  await closeAll();
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
  await nothingLeft();
});

async function pass(turns: number): Promise<void> {
  for (let passed = 0; passed < turns; passed++) await turn();
}

async function portOf(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** TLS on both ends. */
async function secured(
  [a, b]: readonly [Connection, Connection],
  client: StartTlsOptions = CLIENT,
  server: StartTlsOptions = SERVER,
): Promise<[Connection, Connection]> {
  const both = await Promise.all([a.startTls(client), b.startTls(server)]);
  both.forEach(keep);
  return both;
}

async function ends(options: ConnectionOptions = {}): Promise<[Connection, Connection]> {
  const { client, server } = await pair(options);
  return [client, server];
}

/** Whether bytes go both ways, more than are taken at once, and both ends end. */
async function works(a: Connection, b: Connection): Promise<void> {
  await Promise.all([a.writeLine("ping"), b.writeLine("pong")]);
  expect([await a.readLine(), await b.readLine()]).toEqual(["pong", "ping"]);
  const bytes = Buffer.alloc(300_000, "x");
  const [received] = await Promise.all([b.readExactly(bytes.length), a.write(bytes)]);
  expect(received.equals(bytes)).toBe(true);
  await Promise.all([a.closeWrite(), b.closeWrite()]);
  expect([await a.read(), await b.read()]).toEqual([null, null]);
  await Promise.all([a.closed, b.closed]);
}

describe("startTls over what was adopted", () => {
  const STREAMS = {
    "sockets of Node's": socketPair,
    "TLS sockets of Node's": tlsPair,
    "a Duplex that is no socket": tunnelPair,
    "both sides of a stream.duplexPair()": duplexesInMemory,
  } satisfies Readonly<Record<string, () => Promise<[Duplex, Duplex]>>>;

  test.each(Object.entries(STREAMS))("secures %s", async (_name, make) => {
    const [a, b] = await adopted(make);
    await works(...(await secured([a, b])));
    for (const old of [a, b]) expect(await netError(old.read())).toMatchObject({ code: "ERR_CLOSED" });
  });

  /** Streams that fail some turns after they were destroyed. */
  async function failingLate(): Promise<[Duplex, Duplex]> {
    const both = await tunnelPair();
    for (const stream of both) {
      const own = stream._destroy.bind(stream);
      stream._destroy = (error, done) => {
        own(error, () => void pass(3).then(() => done(new Error("it fails late"))));
      };
    }
    return both;
  }

  const GIVEN_UP = { ...STREAMS, "a Duplex that fails late": failingLate };
  type Kind = keyof typeof GIVEN_UP;

  // Jest fails a test in which an error is thrown that nothing catches.
  test.each<[Kind, "client" | "server"]>([
    ["sockets of Node's", "client"],
    ["sockets of Node's", "server"],
    ["TLS sockets of Node's", "client"],
    ["TLS sockets of Node's", "server"],
    ["a Duplex that is no socket", "client"],
    ["a Duplex that is no socket", "server"],
    ["a Duplex that fails late", "client"],
    ["a Duplex that fails late", "server"],
    // The server would wait for its timeout: it does not notice that the other side was destroyed.
    ["both sides of a stream.duplexPair()", "server"],
  ])("over %s the %s may give up in any turn of the handshake", async (name, side) => {
    const given = { turns: 0, ups: 0 };
    while (given.ups === given.turns) {
      const [a, b] = await adopted(GIVEN_UP[name]);
      const controller = new AbortController();
      const { signal } = controller;
      const both = [
        a.startTls(side === "client" ? { ...CLIENT, signal } : CLIENT),
        b.startTls(side === "server" ? { ...SERVER, signal } : SERVER),
      ];
      const outcomes = Promise.allSettled(both);
      await pass(given.turns);
      controller.abort();
      const ends = (await outcomes).map((outcome) => (outcome.status === "fulfilled" ? outcome.value : null));
      const own = (await outcomes)[side === "client" ? 0 : 1];
      given.turns++;
      if (own?.status === "rejected") {
        expect(own.reason).toBe(signal.reason);
        given.ups++;
      }
      for (const end of [a, b, ...ends]) {
        end?.reset();
        await end?.closed.catch(() => undefined);
      }
      await pass(5);
    }
    expect(given.ups).toBeGreaterThan(0);
  });

  test.each(Object.entries(GIVEN_UP))(
    "over %s the client may give up when it is just secure",
    async (_name, make) => {
      const [a, b] = await adopted(make);
      const controller = new AbortController();
      const checkServerIdentity = (): undefined => {
        // Behind Node's event that the handshake is done, and ahead of the next turn.
        nextTick(() => controller.abort());
      };
      const starting = a.startTls({ ...CLIENT, signal: controller.signal, checkServerIdentity });
      const other = b.startTls({ ...SERVER, timeout: 1_000 }).then(keep, () => b);
      expect(await failure(starting)).toBe(controller.signal.reason);
      for (const end of [a, await other]) {
        end.reset();
        await end.closed.catch(() => undefined);
      }
      await pass(5);
    },
  );

  test.each([
    ["server", SERVER],
    ["client", CLIENT],
  ])(
    "fails as a %s at an end in the handshake, also of a stream that never closes",
    async (_who, options) => {
      const stream = new Duplex({
        read: () => undefined,
        write: (_chunk, _encoding, done) => done(),
        final: () => undefined,
      });
      const starting = Connection.from(stream).startTls({ ...options, timeout: Infinity });
      await pass(3);
      stream.push(null);
      const error = await netError(starting);
      expect([error.code, error.message]).toEqual([
        "ECONNRESET",
        expect.stringContaining("during the handshake"),
      ]);
      await until(() => stream.destroyed);
    },
  );

  test("secures a socket that was adopted while it connects", async () => {
    const listener = await loopback();
    const socket = netConnect(listener.port, "127.0.0.1");
    const [client, server] = [keep(Connection.from(socket)), listener.accept()];
    const starting = client.startTls(CLIENT);
    const [a, b] = await Promise.all([starting, (await server).startTls(SERVER)]);
    await works(keep(a), keep(b));
  });

  test("refuses a client without a name: an adopted stream has none", async () => {
    const [a, b] = await adopted(socketPair);
    const error = await failure(a.startTls({ ca: AUTHORITY }));
    expect(error).toBeInstanceOf(TypeError);
    await a.writeLine("still in the clear");
    expect(await b.readLine()).toBe("still in the clear");
    [a, b].forEach((end) => keep(end).reset());
  });
});

test("startTls secures a tunnel that an HTTP proxy has opened by CONNECT", async () => {
  const target = await portOf(
    createHttpsServer({ ...LOCALHOST }, (request, response) => {
      response.end(`you have asked for ${String(request.url)}`);
    }),
  );
  const proxy = createHttpServer().on("connect", (request, client: Duplex, head: Buffer) => {
    const beyond = netConnect(Number(new URL(`http://${String(request.url)}`).port), "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      beyond.write(head);
      beyond.pipe(client).pipe(beyond);
    });
    for (const [one, other] of [
      [client, beyond],
      [beyond, client],
    ] as const)
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
  });
  const plain = keep(await connect("127.0.0.1", await portOf(proxy)));
  await plain.write(`CONNECT localhost:${String(target)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  expect(String(await plain.readUntil("\r\n\r\n"))).toContain("200");
  const secure = keep(await plain.startTls({ ...CLIENT, ALPNProtocols: ["http/1.1"] }));
  expect(secure.tls).toMatchObject({ authorized: true, alpnProtocol: "http/1.1", servername: "localhost" });
  await secure.write("GET /inside HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  expect(String(await secure.readAll())).toMatch(/^HTTP\/1\.1 200 OK\r\n.*you have asked for \/inside/s);
});

describe("startTls of the connection of connectDuplex", () => {
  test("takes over from a Duplex that nothing reads, which closes without an error", async () => {
    const listener = keep(await listen({ host: "localhost", port: 0 }));
    const duplex = connectDuplex("localhost", listener.port);
    const [client, server] = await Promise.all([duplex.connection, listener.accept()]);
    const closed = once(duplex, "close");
    // The name of the certificate is the host that the program has connected to.
    const [a, b] = await secured([keep(client), keep(server)], { ca: AUTHORITY, timeout: 5_000 });
    await closed;
    expect(duplex.errored).toBeNull();
    expect(a.tls?.servername).toBe("localhost");
    await works(a, b);
  });

  test("sends what the Duplex was given before", async () => {
    const listener = await loopback();
    const duplex = connectDuplex("127.0.0.1", listener.port);
    duplex.write("first\n");
    const [client, server] = await Promise.all([duplex.connection, listener.accept()]);
    const starting = keep(client).startTls(CLIENT);
    expect(await keep(server).readLine()).toBe("first");
    const [a, b] = await Promise.all([starting, server.startTls(SERVER)]);
    await works(keep(a), keep(b));
  });

  test("is refused while the Duplex is read, and stays as it was", async () => {
    const listener = await loopback();
    const duplex = connectDuplex("127.0.0.1", listener.port);
    const data = once(duplex, "data");
    const [client, server] = await Promise.all([duplex.connection, listener.accept()]);
    await turn();
    expect(await netError(keep(client).startTls(CLIENT))).toMatchObject({ code: "ERR_BUSY" });
    await keep(server).write("in the clear");
    expect(String(await data)).toBe("in the clear");
  });
});

describe("the connection that takes the place of another", () => {
  test("has its readTimeout and its writeTimeout", async () => {
    const [, b] = await secured(await ends({ readTimeout: 30, writeTimeout: 20 }));
    expect(await timeoutError(b.read())).toMatchObject({ operation: "read", timeout: 30 });
    expect(await timeoutError(b.write(Buffer.alloc(LARGE)))).toMatchObject({
      operation: "write",
      timeout: 20,
    });
  });

  test("has its lingerTimeout", async () => {
    const [a, b] = await secured(await ends({ lingerTimeout: 0 }));
    // The peer does not end its side.
    await b.close();
    expect(await a.read()).toBeNull();
    const [c, d] = await secured(await ends({ lingerTimeout: Infinity }));
    const closing = d.close();
    expect(await c.read()).toBeNull();
    expect(await isPending(closing)).toBe(true);
    await c.close();
    await closing;
  });

  test("has its bufferSize", async () => {
    const [a, b] = await secured(await ends({ bufferSize: 100 }));
    await b.write("gathered");
    expect(b.writableLength).toBe(8);
    await b.flush();
    expect(String(await a.read())).toBe("gathered");
  });

  test("has its readAhead", async () => {
    const [a, b] = await secured(await ends({ readAhead: 0 }));
    await a.write("x");
    for (let each = 0; each < 10; each++) await turn();
    expect(b.readableLength).toBe(0);
    expect(String(await b.read())).toBe("x");
  });

  test("is reset by its closeOn, which has one listener less when it is over", async () => {
    const stop = new AbortController();
    const [a, b] = await secured(await ends({ closeOn: stop.signal }));
    const reading = netError(b.read());
    const peer = netError(a.read());
    stop.abort("stop");
    expect(await reading).toMatchObject({ code: "ERR_CLOSED" });
    expect(await peer).toMatchObject({ code: "ECONNRESET" });
    await b.closed.catch(() => undefined);
    await turn();
    expect(listenersOf(stop.signal)).toBe(0);
  });

  test("is not bound by the timeout and the signal of the call that made it", async () => {
    const stop = new AbortController();
    const [a, b] = await secured(await ends(), { ...CLIENT, timeout: 2_000, signal: stop.signal });
    expect(listenersOf(stop.signal)).toBe(0);
    stop.abort("late");
    await works(a, b);
  });

  test("has all of it also two handshakes later", async () => {
    const [a, b] = await secured(await secured(await ends({ readTimeout: 30 })));
    expect(await timeoutError(b.read())).toMatchObject({ timeout: 30 });
    expect(a.tls?.protocol).toBe("TLSv1.3");
  });
});

test("a second startTls at once is told that the first has taken over the connection", async () => {
  const [a, b] = await ends();
  const starting = secured([a, b]);
  const error = await netError(a.startTls(CLIENT));
  expect(error).toMatchObject({ code: "ERR_CLOSED", operation: "tls" });
  expect(error.message).toContain("startTls has taken over the connection");
  await works(...(await starting));
});

test.each([0, 1, 2, 3, 4, 5])(
  "a large write right after the handshake waits for a peer that takes it %d turns later",
  async (turns) => {
    const [near, far] = memoryPair();
    const client = near.startTls(CLIENT).then(async (connection) => {
      keep(connection);
      await Promise.all([connection.write(Buffer.alloc(150_000)), connection.readAll()]);
      await connection.close();
      await connection.closed;
    });
    const server = far.startTls(SERVER).then(async (connection) => {
      keep(connection);
      await pass(turns);
      await connection.write("x");
      // It throws away what the client sends.
      await connection.close();
    });
    await Promise.all([client, server]);
  },
);

describe("relay", () => {
  test("passes on what came by startTls, both ways and to both ends", async () => {
    const [near, middle] = await secured(await ends());
    const [beyond, far] = await ends();
    const relayed = relay(middle, beyond);
    await works(near, far);
    await relayed;
  });

  test("resets the other side of a truncated one", async () => {
    const [near, middle] = await secured(await ends());
    const [beyond, far] = await ends();
    const relayed = netError(relay(middle, beyond));
    await near.write("half of it");
    expect(String(await far.read())).toBe("half of it");
    near.abandon("output");
    void near.close();
    expect(await relayed).toMatchObject({ code: "ERR_TLS_TRUNCATED" });
    expect(await netError(far.read())).toMatchObject({ code: "ECONNRESET" });
  });
});

describe("a FIN without close_notify", () => {
  /** What the one end reads of the other, whose end is a bare FIN. */
  async function endAfter(reader: Connection, other: Connection): Promise<unknown> {
    // Behind what the server sends after its handshake: the kernel resets what is closed with unread bytes.
    await reader.write("x");
    await other.read();
    await other.write("x");
    other.abandon("output");
    void other.close();
    expect(String(await reader.read())).toBe("x");
    return reader.read().catch((error: unknown) => (error as { code?: unknown }).code);
  }

  const WAYS = ["client", "server"] as const;

  test.each(WAYS)("is a truncation for the %s, but for one that allows it", async (reader) => {
    const read = async (allowed: boolean | undefined, captured: boolean | undefined): Promise<unknown> => {
      const made = await adopted(socketPair, { allowTruncation: captured });
      const [client, server] = await secured(
        made,
        { ...CLIENT, ...(reader === "client" ? { allowTruncation: allowed } : {}) },
        { ...SERVER, ...(reader === "server" ? { allowTruncation: allowed } : {}) },
      );
      return reader === "client" ? endAfter(client, server) : endAfter(server, client);
    };
    expect(await read(undefined, undefined)).toBe("ERR_TLS_TRUNCATED");
    expect(await read(true, undefined)).toBeNull();
    expect(await read(undefined, true)).toBeNull();
    expect(await read(false, true)).toBe("ERR_TLS_TRUNCATED");
  });

  test.each(WAYS)("is so for the %s also with options that were used before", async (reader) => {
    const [ofClient, ofServer] = [{ ...CLIENT }, { ...SERVER }];
    const seen: unknown[] = [];
    for (const allowTruncation of [true, false, true]) {
      const made = await adopted(socketPair, { allowTruncation });
      const [client, server] = await secured(made, ofClient, ofServer);
      seen.push(await (reader === "client" ? endAfter(client, server) : endAfter(server, client)));
    }
    expect(seen).toEqual([null, "ERR_TLS_TRUNCATED", null]);
  });
});

describe("the same object of options", () => {
  let listener: Awaited<ReturnType<typeof loopback>>;

  beforeEach(async () => {
    listener = await loopback();
  });

  /** Both ends of a connection to the same server. */
  async function again(client: StartTlsOptions, server: StartTlsOptions): Promise<[Connection, Connection]> {
    const made = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
    return secured(made, client, server);
  }

  /** Whether both ends say that a session was resumed. Its ticket comes behind the handshake. */
  async function reused(client: StartTlsOptions, server: StartTlsOptions): Promise<(boolean | undefined)[]> {
    const [a, b] = await again(client, server);
    await b.write("x");
    await a.read();
    await works(a, b);
    return [a.tls?.sessionReused, b.tls?.sessionReused];
  }

  test.each(["TLSv1.3", "TLSv1.2"] as const)("resumes the session (%s)", async (version) => {
    const only = { minVersion: version, maxVersion: version } as const;
    const [client, server] = [
      { ...CLIENT, ...only },
      { ...SERVER, ...only },
    ];
    expect(await reused(client, server)).toEqual([false, false]);
    expect(await reused(client, server)).toEqual([true, true]);
    // A ticket is good for more than the next connection.
    expect(await reused(client, server)).toEqual([true, true]);
  });

  test("does so also with another timeout and signal in it", async () => {
    const [client, server]: StartTlsOptions[] = [{ ...CLIENT }, { ...SERVER }] as const;
    await reused(client, server);
    Object.assign(client, { timeout: 4_000, signal: new AbortController().signal });
    expect(await reused(client, server)).toEqual([true, true]);
  });

  test("resumes nothing if it has changed, nor does another object", async () => {
    const [client, server]: [StartTlsOptions, StartTlsOptions] = [{ ...CLIENT }, { ...SERVER }];
    await reused(client, server);
    expect(await reused({ ...client }, server)).toEqual([false, false]);
    expect(await reused(client, { ...server })).toEqual([false, false]);
    client.minVersion = "TLSv1.2";
    expect(await reused(client, server)).toEqual([false, false]);
  });

  test("shows the certificate of the server also when it is resumed", async () => {
    const [client, server] = [{ ...CLIENT }, { ...SERVER }];
    await reused(client, server);
    const [a] = await again(client, server);
    expect(a.tls).toMatchObject({ sessionReused: true, authorized: true });
    expect(a.tls?.peerCertificate?.subject).toBe("CN=localhost");
  });
});

describe("TLS in TLS in TLS", () => {
  const BENEATH: Readonly<Record<string, () => Promise<[Connection, Connection]>>> = {
    "a TCP connection": ends,
    "a connection in memory": () => Promise.resolve(memoryPair()),
    "an adopted Duplex": () => adopted(tunnelPair),
  };

  /** Three deep. */
  async function nested(name: string): Promise<[Connection, Connection]> {
    let both = await BENEATH[name]?.();
    for (let depth = 0; depth < 3; depth++) both = await secured(both as [Connection, Connection]);
    return both as [Connection, Connection];
  }

  test.each(Object.keys(BENEATH))("works over %s", async (name) => {
    const [a, b] = await nested(name);
    expect([a.tls?.authorized, b.tls?.protocol]).toEqual([true, "TLSv1.3"]);
    await works(a, b);
  });

  test.each(Object.keys(BENEATH))("moves megabytes both ways over %s", async (name) => {
    const [a, b] = await nested(name);
    const bytes = Buffer.alloc(3_000_000, "0123456789");
    const [atA, atB] = await Promise.all([
      a.readExactly(bytes.length),
      b.readExactly(bytes.length),
      a.write(bytes),
      b.write(bytes),
    ]);
    expect(atA.equals(bytes) && atB.equals(bytes)).toBe(true);
    await Promise.all([a.close(), b.close()]);
  });

  test.each(Object.keys(BENEATH))("is reset as a whole over %s", async (name) => {
    const [a, b] = await nested(name);
    const reading = netError(b.read());
    a.reset();
    // A Duplex knows no reset.
    expect((await reading).code).toBe(name === "an adopted Duplex" ? "ERR_TLS_TRUNCATED" : "ECONNRESET");
    await Promise.allSettled([a.closed, b.closed]);
  });

  test.each(Object.keys(BENEATH))(
    "is truncated by a proxy that ends its own TLS properly over %s",
    async (name) => {
      const [outer, proxy] = await secured((await BENEATH[name]?.()) as [Connection, Connection]);
      const [beyond, target] = await ends();
      const relayed = failure(relay(proxy, beyond));
      const [inner, server] = await secured([outer, target]);
      await server.write("half of it");
      expect(String(await inner.read())).toBe("half of it");
      const reading = netError(inner.read());
      server.abandon("output");
      void server.close();
      expect(await reading).toMatchObject({ code: "ERR_TLS_TRUNCATED" });
      await relayed;
    },
  );

  // Such a side calls back a write when the other side has read it, and finishes when that has read the end.
  test.each([1, 2, 3])("ends one side after the other over a stream.duplexPair(), %d deep", async (depth) => {
    let both = await adopted(duplexesInMemory);
    for (let each = 0; each < depth; each++) both = await secured(both);
    const [a, b] = both;
    await a.closeWrite();
    expect(await b.read()).toBeNull();
    await b.writeLine("reply");
    await b.closeWrite();
    expect(await a.readLine()).toBe("reply");
    expect(await a.read()).toBeNull();
    await Promise.all([a.closed, b.closed]);
  });

  test("of Node's own is reset as a whole when it was adopted", async () => {
    let both: [Socket, Socket] = await tlsPair();
    for (let depth = 0; depth < 2; depth++) {
      const server = new TLSSocket(both[1], { isServer: true, ...LOCALHOST });
      const client = tlsConnect({ socket: both[0], ca: AUTHORITY, servername: "localhost" });
      await Promise.all([once(client, "secureConnect"), once(server, "secure")]);
      both = [client, server];
    }
    const [a, b] = both.map((socket) => Connection.from(socket)) as [Connection, Connection];
    a.reset();
    expect(await netError(b.read())).toMatchObject({ code: "ECONNRESET" });
    await Promise.allSettled([a.closed, b.closed]);
  });
});
