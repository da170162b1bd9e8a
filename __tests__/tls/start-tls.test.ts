/** TLS that begins on a connection that is there, at either end. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { connect, listen, type Connection, type StartTlsOptions } from "../../src/index.js";
import { AUTHORITY, LOCALHOST, OTHER_EXAMPLE } from "../support/certificates.js";
import { failure, isPending, netError, timeoutError, turn, until } from "../support/outcomes.js";
import { closeAll, endOf, keep, loopback, netClient, pair, socketPath } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";

const CLIENT = { ca: AUTHORITY, servername: "localhost", timeout: 5_000 };
const SERVER = { ...LOCALHOST, isServer: true, timeout: 5_000 };
/** More than the kernel's buffers of both ends take. */
const LARGE = 8 * 1024 * 1024;

afterEach(async () => {
  await closeAll();
  await nothingLeft();
});

/** TLS on both ends. */
async function secured(
  a: Connection,
  b: Connection,
  client: StartTlsOptions = CLIENT,
  server: StartTlsOptions = SERVER,
): Promise<[Connection, Connection]> {
  const both = await Promise.all([a.startTls(client), b.startTls(server)]);
  both.forEach(keep);
  return both;
}

/** Whether bytes go both ways, and both ends end. */
async function works(a: Connection, b: Connection): Promise<void> {
  await Promise.all([a.writeLine("ping"), b.writeLine("pong")]);
  expect([await a.readLine(), await b.readLine()]).toEqual(["pong", "ping"]);
  await Promise.all([a.closeWrite(), b.closeWrite()]);
  expect([await a.read(), await b.read()]).toEqual([null, null]);
  await Promise.all([a.closed, b.closed]);
}

/** A connection of ours, accepted, and the plain socket at its other end. */
async function withSocket(): Promise<{ connection: Connection; socket: Socket }> {
  const listener = await loopback();
  const [socket, connection] = await Promise.all([netClient(listener.port), listener.accept()]);
  return { connection: keep(connection), socket };
}

/** What a connection says of a call. */
async function codesOf(calls: readonly Promise<unknown>[]): Promise<unknown[]> {
  return Promise.all(calls.map(async (call) => (await netError(call)).code));
}

function refusals(connection: Connection): Promise<unknown[]> {
  return codesOf([
    connection.read(),
    connection.readLine(),
    connection.lines().next(),
    connection.write("x"),
    connection.writeLine("x"),
    connection.flush(),
    connection.closeWrite(),
    connection.startTls(CLIENT),
    Promise.resolve().then(() => connection.detach()),
  ]);
}

describe("startTls", () => {
  test("secures both ends of a connection, and takes the place of the old ones", async () => {
    const { client, server } = await pair();
    const [a, b] = await secured(client, server);
    expect([a, b].map((end) => end.tls?.protocol)).toEqual(["TLSv1.3", "TLSv1.3"]);
    expect([a.remotePort, a.localPort]).toEqual([client.remotePort, client.localPort]);
    expect([b.remoteAddress, b.localAddress]).toEqual([server.remoteAddress, server.localAddress]);
    expect(client.tls).toBeUndefined();
    for (const old of [client, server]) {
      await old.closed;
      expect(new Set(await refusals(old))).toEqual(new Set(["ERR_CLOSED"]));
      old.reset();
      await old.close();
    }
    await works(a, b);
  });

  test("says of the old connection what has become of it", async () => {
    const { client, server } = await pair();
    await secured(client, server);
    const error = await netError(client.read());
    expect(error.message).toContain("startTls has taken over the connection (ERR_CLOSED)");
  });

  test("takes the name that was connected to for that of the certificate", async () => {
    const listener = keep(await listen({ host: "localhost", port: 0 }));
    const ends = () => Promise.all([connect("localhost", listener.port), listener.accept()]);
    const [client, server] = await ends();
    const [a, b] = await secured(client, server, { ca: AUTHORITY });
    expect([a.tls?.servername, b.tls?.servername]).toEqual(["localhost", "localhost"]);

    const [other, itsServer] = await ends();
    const refused = itsServer.startTls({ ...OTHER_EXAMPLE, isServer: true });
    const [error] = await Promise.all([netError(other.startTls({ ca: AUTHORITY })), failure(refused)]);
    expect(error).toMatchObject({ operation: "tls", code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  });

  test("refuses a Unix socket without a name, which stays as it was", async () => {
    const path = socketPath();
    const listener = keep(await listen(path));
    const [client, server] = await Promise.all([connect(path), listener.accept()]);
    const error = await failure(client.startTls({ ca: AUTHORITY }));
    expect(error).toBeInstanceOf(TypeError);
    await client.writeLine("still in the clear");
    expect(await server.readLine()).toBe("still in the clear");
    await works(...(await secured(client, server)));
  });
});

describe("what was written before", () => {
  test("is sent first, also what is gathered, and text that nothing has awaited", async () => {
    const { client, server } = await pair({ bufferSize: 1_000 });
    void server.write("220 ");
    void server.writeLine("go ahead");
    const starting = server.startTls(SERVER);
    expect(await client.readLine()).toBe("220 go ahead");
    const [a, b] = await Promise.all([client.startTls(CLIENT), starting]);
    await works(keep(a), keep(b));
  });

  test("is sent to a slow peer before the handshake begins, and its callers are told", async () => {
    const { client, server } = await pair();
    const written = client.write(Buffer.alloc(LARGE, "x"));
    const starting = client.startTls(CLIENT);
    expect(await isPending(starting)).toBe(true);
    await server.readExactly(LARGE);
    await written;
    const [a, b] = await Promise.all([starting, server.startTls(SERVER)]);
    await works(keep(a), keep(b));
  });

  test("is sent first if its Duplex has it", async () => {
    const { client, server } = await pair();
    client.duplex.write("first\n");
    const starting = client.startTls(CLIENT);
    expect(await server.readLine()).toBe("first");
    const [a, b] = await Promise.all([starting, server.startTls(SERVER)]);
    await works(keep(a), keep(b));
  });

  test("is all that goes out in the clear: later writes and reads are refused", async () => {
    const { client, server } = await pair();
    const written = client.write(Buffer.alloc(LARGE, "x"));
    const starting = client.startTls(CLIENT);
    const late = Promise.all([client.write("late"), client.read(), client.startTls(CLIENT)].map(netError));
    expect((await late).map(({ code }) => code)).toEqual(["ERR_CLOSED", "ERR_CLOSED", "ERR_CLOSED"]);
    expect((await server.readExactly(LARGE)).equals(Buffer.alloc(LARGE, "x"))).toBe(true);
    await written;
    const [a, b] = await Promise.all([starting, server.startTls(SERVER)]);
    await works(keep(a), keep(b));
  });

  test("keeps the call waiting for as long as its timeout; then the connection is reset", async () => {
    const { client, server } = await pair();
    const written = failure(client.write(Buffer.alloc(LARGE)));
    const error = await timeoutError(client.startTls({ ...CLIENT, timeout: 20 }));
    expect(error).toMatchObject({ operation: "tls", timeout: 20 });
    expect(await written).toMatchObject({ code: "ERR_CLOSED" });
    expect(await netError(server.readAll({ limit: Infinity }))).toMatchObject({ code: "ECONNRESET" });
  });

  test("fails the call if the peer resets meanwhile", async () => {
    const { client, server } = await pair();
    const written = failure(client.write(Buffer.alloc(LARGE)));
    const starting = netError(client.startTls(CLIENT));
    server.reset();
    const error = await starting;
    expect(error.operation).toBe("tls");
    expect(error.code).toMatch(/^(ECONNRESET|EPIPE)$/);
    await written;
  });

  test("fails the call if the program closes or resets the connection meanwhile", async () => {
    for (const end of ["reset", "close"] as const) {
      const { client } = await pair();
      const written = failure(client.write(Buffer.alloc(LARGE)));
      const starting = netError(client.startTls(CLIENT));
      void client[end]({ timeout: 0 } as never)?.catch(() => undefined);
      expect(await starting).toMatchObject({ operation: "tls", code: "ERR_CLOSED" });
      await written;
    }
  });
});

describe("a connection that is in use", () => {
  const USES: Readonly<Record<string, (connection: Connection) => () => unknown>> = {
    "a read that waits": (connection) => {
      const reading = connection.readLine();
      return () => reading;
    },
    "a loop that waits": (connection) => {
      const reading = connection.lines().next();
      return () => reading;
    },
    "a Duplex that is read": (connection) => {
      const data = once(connection.duplex, "data");
      return () => data;
    },
    "a web stream that is read": (connection) => {
      const reading = connection.readable.getReader().read();
      return () => reading;
    },
  };

  test.each(Object.keys(USES))("is refused for %s, and stays as it was", async (name) => {
    const { client, server } = await pair();
    const finish = USES[name]?.(client);
    await turn();
    expect(await netError(client.startTls(CLIENT))).toMatchObject({ operation: "tls", code: "ERR_BUSY" });
    await server.writeLine("x");
    await finish?.();
    await client.writeLine("still in the clear");
    expect(await server.readLine()).toBe("still in the clear");
  });

  test("is free in the body of a loop, which fails at its next step", async () => {
    const { client, server } = await pair();
    await server.writeLine("STARTTLS");
    const ends: Connection[] = [];
    const loop = async (): Promise<void> => {
      for await (const line of client.lines()) {
        expect(line).toBe("STARTTLS");
        ends.push(...(await secured(client, server)));
      }
    };
    expect(await netError(loop())).toMatchObject({ operation: "read", code: "ERR_CLOSED" });
    await works(...(ends as [Connection, Connection]));
  });

  test("is free when the user of its Duplex or of its web stream has left", async () => {
    const { client, server } = await pair();
    client.duplex.on("data", () => client.duplex.pause());
    const data = once(client.duplex, "data");
    const reader = server.readable.getReader();
    await Promise.all([server.writeLine("x"), client.writeLine("y")]);
    await Promise.all([data, reader.read()]);
    reader.releaseLock();
    client.duplex.removeAllListeners("data");
    const closed = once(client.duplex, "close");
    const [a, b] = await secured(client, server);
    await closed;
    expect(client.duplex.errored).toBeNull();
    const late = server.readable.getReader().read();
    expect(await netError(late)).toMatchObject({ code: "ERR_CLOSED" });
    await works(a, b);
  });
});

describe("a connection that has ended", () => {
  test("is refused when it was closed, reset or detached here", async () => {
    const ends: readonly ((connection: Connection) => unknown)[] = [
      (connection) => connection.close(),
      (connection) => connection.reset(),
      (connection) => keep(connection.detach()),
      (connection) => connection.closeWrite(),
      (connection) => connection.closeRead(),
      (connection) => connection.socket.destroy(),
    ];
    for (const end of ends) {
      const { client } = await pair();
      end(client);
      expect(await netError(client.startTls(CLIENT))).toMatchObject({ operation: "tls", code: "ERR_CLOSED" });
    }
  });

  test("is refused with the reason of its end", async () => {
    const { client, server } = await pair();
    server.reset();
    await failure(client.closed);
    expect(await netError(client.startTls(CLIENT))).toMatchObject({ operation: "tls", code: "ECONNRESET" });
  });

  test("is reset if the peer has ended its side: no handshake could be done", async () => {
    const { client, server } = await pair();
    await server.closeWrite();
    expect(await client.read()).toBeNull();
    const error = await netError(client.startTls(CLIENT));
    expect(error).toMatchObject({ operation: "tls", code: "ECONNRESET" });
    expect(error.message).toContain("during the handshake");
    await client.closed;
  });
});

describe("bytes in the clear before the handshake", () => {
  test("are refused at a client, which is reset", async () => {
    const { client, server } = await pair();
    await server.write("injected");
    await until(() => client.readableLength === 8);
    const error = await netError(client.startTls(CLIENT));
    expect(error).toMatchObject({ operation: "tls", code: "ERR_TLS_PLAINTEXT" });
    expect(error.message).not.toContain("injected");
    expect(await netError(client.read())).toMatchObject({ code: "ERR_CLOSED" });
    expect(await netError(server.read())).toMatchObject({ code: "ECONNRESET" });
    await client.closed;
  });

  test("are refused at a client also if they look like a handshake", async () => {
    const { client, server } = await pair();
    await server.write(Buffer.of(0x16, 3, 1));
    await until(() => client.readableLength === 3);
    expect(await netError(client.startTls(CLIENT))).toMatchObject({ code: "ERR_TLS_PLAINTEXT" });
  });

  test("are refused at a server", async () => {
    const { client, server } = await pair();
    await client.writeLine("RCPT TO:<injected>");
    await until(() => server.readableLength > 0);
    expect(await netError(server.startTls(SERVER))).toMatchObject({ code: "ERR_TLS_PLAINTEXT" });
    expect(await netError(client.read())).toMatchObject({ code: "ECONNRESET" });
  });

  test("are refused if a Duplex has read them ahead", async () => {
    const { client, server } = await pair();
    client.duplex.on("data", () => client.duplex.pause());
    const data = once(client.duplex, "data");
    await server.write("x");
    await data;
    client.duplex.removeAllListeners("data");
    await server.write("injected");
    await until(() => client.readableLength + client.duplex.readableLength === 8);
    expect(await netError(client.startTls(CLIENT))).toMatchObject({ code: "ERR_TLS_PLAINTEXT" });
  });

  test("are refused as soon as they arrive while the call waits for its writes", async () => {
    const { client, server } = await pair();
    const written = failure(client.write(Buffer.alloc(LARGE)));
    const starting = netError(client.startTls(CLIENT));
    await server.write("injected");
    expect(await starting).toMatchObject({ operation: "tls", code: "ERR_TLS_PLAINTEXT" });
    expect(await written).toMatchObject({ code: "ERR_CLOSED" });
  });

  test("are refused by TLS itself if they arrive in its handshake", async () => {
    const { connection, socket } = await withSocket();
    const starting = netError(connection.startTls(CLIENT));
    await once(socket, "data");
    socket.write("220 not TLS\r\n");
    const error = await starting;
    expect(error.operation).toBe("tls");
    expect(error.message).toContain("the peer does not speak TLS");
    expect(await endOf(socket)).toMatch(/^(end|ECONNRESET)$/);
  });
});

describe("a first message of the handshake that came early", () => {
  test("is taken at a server", async () => {
    const { connection, socket } = await withSocket();
    const secure = keep(tlsConnect({ ...CLIENT, socket }));
    await until(() => connection.readableLength > 0);
    const server = keep(await connection.startTls(SERVER));
    secure.write("ping\n");
    expect(await server.readLine()).toBe("ping");
  });

  test.each([1, 5, 100])("is taken if it has come up to byte %d", async (size) => {
    const { client, server } = await pair();
    const relayed = await withSocket();
    const starting = failure(relayed.connection.startTls(CLIENT));
    const [hello] = (await once(relayed.socket, "data")) as [Buffer];
    await client.write(hello.subarray(0, size));
    await until(() => server.readableLength === size);
    const serving = failure(server.startTls(SERVER));
    await client.write(hello.subarray(size));
    // The server answers: it has got the message as a whole.
    const answer = await client.read();
    expect(answer?.[0]).toBe(0x16);
    client.reset();
    relayed.socket.destroy();
    await Promise.all([starting, serving]);
  });

  test("is taken behind a PROXY line in the same segment", async () => {
    const { connection, socket } = await withSocket();
    const relayed = await withSocket();
    const connecting = keep(tlsConnect({ ...CLIENT, socket: relayed.socket }));
    const hello = await relayed.connection.read();
    socket.write(
      Buffer.concat([Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), hello ?? Buffer.alloc(0)]),
    );
    expect(await connection.readLine()).toBe("PROXY TCP4 192.0.2.1 192.0.2.2 1 2");
    expect(connection.readableLength).toBe(hello?.length);
    socket.on("data", (chunk: Buffer) => void relayed.connection.write(chunk));
    const forward = (async () => {
      for await (const chunk of relayed.connection) socket.write(chunk);
    })();
    const server = keep(await connection.startTls(SERVER));
    connecting.write("ping\n");
    expect(await server.readLine()).toBe("ping");
    relayed.connection.reset();
    await forward.catch(() => undefined);
  });
});
