import { Console } from "node:console";
import { once } from "node:events";
import { Duplex, Writable } from "node:stream";
import { inspect } from "node:util";
import {
  connect,
  connectDuplex,
  Connection,
  framed,
  jsonLines,
  lengthPrefixed,
  listen,
  Listener,
  NetError,
  NetTimeoutError,
  requests,
} from "../src/index.js";
import { memoryPair } from "../src/testing/memory-pair.js";
import { closeAll, endOfClient, keep, loopback, pair, socketPath, unusedPort } from "./support/peers.js";

afterEach(closeAll);

/** Bytes that are received and written, and must be printed nowhere. */
const SECRET = "hunter2 is my password";

/** What is printed, with `A` and `B` for the ports of the two ends. */
function printed(value: unknown, { localPort, remotePort }: Connection): string {
  return inspect(value)
    .replaceAll(`127.0.0.1:${String(localPort)}`, "A")
    .replaceAll(`127.0.0.1:${String(remotePort)}`, "B");
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

describe("a connection is printed as one line: its ends, its state, its counts", () => {
  const lineOf = (connection: Connection) => printed(connection, connection);

  test("open, with what is unread", async () => {
    const { client, server } = await pair();
    expect(lineOf(client)).toBe("Connection A -> B { state: 'open', bytesRead: 0, bytesWritten: 0 }");
    await client.write("12345");
    await server.readExactly(2);
    expect(lineOf(client)).toBe("Connection A -> B { state: 'open', bytesRead: 0, bytesWritten: 5 }");
    const unread = "Connection A -> B { state: 'open', bytesRead: 5, bytesWritten: 0, readableLength: 3 }";
    expect(lineOf(server)).toBe(unread);
  });

  test("with what is unsent", async () => {
    const { port } = await loopback();
    const gathering = keep(await connect("127.0.0.1", port, { bufferSize: 100 }));
    await gathering.write("1234");
    const unsent = "Connection A -> B { state: 'open', bytesRead: 0, bytesWritten: 0, writableLength: 4 }";
    expect(lineOf(gathering)).toBe(unsent);
  });

  test("half-closed by either side", async () => {
    const { client, server } = await pair();
    await client.closeWrite();
    expect(await server.read()).toBeNull();
    const counts = "bytesRead: 0, bytesWritten: 0";
    expect(lineOf(client)).toBe(`Connection A -> B { state: 'half-closed here', ${counts} }`);
    expect(lineOf(server)).toBe(`Connection A -> B { state: 'half-closed by the peer', ${counts} }`);
  });

  test("closed for reading, closing, closed", async () => {
    const { client, server } = await pair();
    client.closeRead();
    const states = [client.toJSON().state];
    const closing = client.close();
    states.push(client.toJSON().state);
    await server.close();
    await closing;
    states.push(client.toJSON().state, server.toJSON().state);
    expect(states).toEqual(["closed for reading", "closing", "closed", "closed"]);
    expect(lineOf(client)).toBe("Connection A -> B { state: 'closed', bytesRead: 0, bytesWritten: 0 }");
  });

  test("open while the program reads the adopted stream itself, until that side is closed", () => {
    const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    const connection = keep(Connection.from(stream));
    stream.resume();
    expect(connection.toJSON().state).toBe("open");
    connection.closeRead();
    expect(connection.toJSON().state).toBe("closed for reading");
  });

  test("closing also when both sides were ended one by one", async () => {
    const { client, server } = await pair();
    client.closeRead();
    const sent = client.closeWrite();
    expect(client.toJSON().state).toBe("closing");
    await sent;
    expect(client.toJSON().state).toBe("closing");
    expect(server.toJSON().state).toMatch(/^open$|^half-closed by the peer$/);
  });

  test("reset here; failed, with the code, there", async () => {
    const { client, server } = await pair();
    client.reset();
    expect(client.toJSON()).toMatchObject({ state: "reset" });
    await client.closed;
    await expect(server.closed).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(lineOf(client)).toBe("Connection A -> B { state: 'reset', bytesRead: 0, bytesWritten: 0 }");
    const failed = "Connection A -> B { state: 'failed', code: 'ECONNRESET', bytesRead: 0, bytesWritten: 0 }";
    expect(lineOf(server)).toBe(failed);
  });

  test("closing also when both sides have ended, and the socket is not closed yet", async () => {
    const { client, server } = await pair();
    await client.closeWrite();
    const ended = server.closeWrite();
    expect(await client.read()).toBeNull();
    expect(client.toJSON().state).toBe("closing");
    await Promise.all([ended, client.closed]);
    expect(client.toJSON().state).toBe("closed");
  });

  test("failed, with the code, once a write has failed, also while what has arrived is unread", async () => {
    const listener = await loopback();
    const [client, server] = await Promise.all([
      connect("127.0.0.1", listener.port, { readAhead: 1 }).then(keep),
      listener.accept().then(keep),
    ]);
    await server.write("unread");
    await until(() => client.readableLength > 0);
    server.reset();
    while (client.toJSON().state === "open") {
      await client.write("x").catch(() => undefined);
      await new Promise(setImmediate);
    }
    const { state, code } = client.toJSON();
    expect([state, code]).toEqual(["failed", expect.stringMatching(/^(?:ECONNRESET|EPIPE)$/)]);
    expect(await client.readExactly(6)).toHaveLength(6);
  });

  test("failed, with the code, when the peer took nothing in time after both sides were ended", async () => {
    const listener = await loopback();
    const [client] = await Promise.all([
      connect("127.0.0.1", listener.port, { writeTimeout: 1 }).then(keep),
      listener.accept().then(keep),
    ]);
    void client.write(Buffer.alloc(16 * 1024 * 1024));
    client.closeRead();
    await expect(client.closeWrite()).rejects.toMatchObject({ code: "ETIMEDOUT" });
    const failed = expect.objectContaining({ state: "failed", code: "ETIMEDOUT" }) as unknown;
    await until(() => client.toJSON().state !== "closing");
    expect(client.toJSON()).toEqual(failed);
    await client.closed.catch(() => undefined);
    expect(client.toJSON()).toEqual(failed);
  });

  test("detached", async () => {
    const { client } = await pair();
    keep(client.detach());
    expect(lineOf(client)).toBe("Connection A -> B { state: 'detached', bytesRead: 0, bytesWritten: 0 }");
  });

  test("over a Unix socket by its path, at both ends", async () => {
    const path = socketPath();
    const listener = keep(await listen({ path }));
    const client = keep(await connect({ path }));
    const server = keep(await listener.accept());
    for (const end of [client, server]) {
      expect(inspect(end)).toBe(`Connection ${path} { state: 'open', bytesRead: 0, bytesWritten: 0 }`);
      expect(end.toJSON()).toEqual({ name: path, state: "open", ...NO_BYTES });
    }
    expect(inspect(listener)).toBe(`Listener ${path} { state: 'open', pending: 0, dropped: 0 }`);
    const facts = { address: { path }, addresses: [{ path }], state: "open", pending: 0, dropped: 0 };
    expect(listener.toJSON()).toEqual(facts);
  });

  test("over an adopted stream by its class, over an adopted socket by its addresses", async () => {
    const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    const adopted = Connection.from(stream);
    expect(inspect(adopted)).toBe(
      "Connection stream (Duplex) { state: 'open', bytesRead: 0, bytesWritten: 0 }",
    );
    adopted.reset();
    const { client } = await pair();
    const again = keep(Connection.from(client.detach()));
    expect(lineOf(again)).toBe("Connection A -> B { state: 'open', bytesRead: 0, bytesWritten: 0 }");
    expect(again.toString()).toBe(client.toString());
  });

  test("over a socket that was adopted before it had connected, by its addresses as soon as it has them", async () => {
    const { connect: netConnect } = await import("node:net");
    const socket = keep(netConnect((await loopback()).port, "127.0.0.1"));
    const connection = keep(Connection.from(socket));
    expect(connection.toString()).toBe("stream (Socket)");
    await once(socket, "connect");
    expect(lineOf(connection)).toBe("Connection A -> B { state: 'open', bytesRead: 0, bytesWritten: 0 }");
  });

  test("in memory", async () => {
    const [a, b] = memoryPair();
    await a.write("123");
    expect(inspect(a)).toBe("Connection memory { state: 'open', bytesRead: 0, bytesWritten: 3 }");
    a.reset();
    b.reset();
  });

  const NO_BYTES = { bytesRead: 0, bytesWritten: 0, readableLength: 0, writableLength: 0 };

  test("its text is that of its errors, its JSON the same facts", async () => {
    const { client } = await pair();
    const { localPort, remotePort } = client;
    const name = `127.0.0.1:${String(localPort)} -> 127.0.0.1:${String(remotePort)}`;
    expect(client.toString()).toBe(name);
    expect(JSON.parse(JSON.stringify(client))).toEqual({
      ...{ name, localAddress: "127.0.0.1", localPort, remoteAddress: "127.0.0.1", remotePort },
      ...{ state: "open", ...NO_BYTES },
    });
  });

  test("within other objects, deep down, with hidden fields, in colours", async () => {
    const { client } = await pair();
    const facts = "{ state: 'open', bytesRead: 0, bytesWritten: 0 }";
    expect(printed({ client }, client)).toBe(`{\n  client: Connection A -> B ${facts}\n}`);
    expect(printed([[client]], client)).toBe(`[\n  [\n    Connection A -> B ${facts}\n  ]\n]`);
    expect(inspect([[[client]]])).toBe("[ [ [ [Connection] ] ] ]");
    expect(inspect([client], { depth: 0 })).toBe("[ [Connection] ]");
    expect(inspect(client, { showHidden: true, depth: null })).toBe(inspect(client));
    expect(inspect(client, { colors: true })).toContain(
      "state: \u001b[32m'open'\u001b[39m, bytesRead: \u001b[33m0",
    );
    const error = Object.assign(new Error("mine"), { client });
    expect(printed(error, client)).toContain(`client: Connection A -> B ${facts}`);
  });

  test("in a few lines by a test framework, which prints its JSON", async () => {
    const { client } = await pair();
    let message = "";
    try {
      expect([client]).toBe(1);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain(`"name": "${client.toString()}"`);
    expect(message.length).toBeLessThan(1000);
  });
});

describe("a Duplex is printed as one line, as its connection is", () => {
  const counts = "bytesRead: 0, bytesWritten: 0";

  test("open, with what is unread, and nothing that was received", async () => {
    const { client, server } = await pair();
    const { duplex } = server;
    await client.write(SECRET);
    await once(duplex, "readable");
    const read = `bytesRead: ${String(SECRET.length)}, bytesWritten: 0, readableLength: ${String(SECRET.length)}`;
    expect(printed(duplex, server)).toBe(`ConnectionDuplex A -> B { state: 'open', ${read} }`);
    expect(inspect(duplex, { showHidden: true, depth: Infinity })).toBe(inspect(duplex));
    expect(inspect(duplex, { depth: 0 })).toBe(inspect(duplex));
    expect(inspect({ duplex }, { depth: 0 })).toBe("{ duplex: [ConnectionDuplex] }");
  });

  test("connecting, connected, and closed by destroy()", async () => {
    const { port } = await loopback();
    const duplex = connectDuplex("localhost", port);
    const place = `localhost:${String(port)}`;
    const connecting = `ConnectedDuplex ${place} { state: 'connecting', bytesRead: 0, bytesWritten: 3, writableLength: 3 }`;
    duplex.write("abc");
    expect(inspect(duplex)).toBe(connecting);
    const connection = keep(await duplex.connection);
    await connection.flush();
    await until(() => duplex.writableLength === 0);
    const open = "ConnectedDuplex A -> B { state: 'open', bytesRead: 0, bytesWritten: 3 }";
    expect(printed(duplex, connection)).toBe(open);
    const given = connectDuplex("localhost", port).destroy();
    expect(inspect(given)).toBe(`ConnectedDuplex ${place} { state: 'closed', ${counts} }`);
  });

  test("failed, with the code of its error, whoever has failed it", async () => {
    const port = await unusedPort();
    const refused = connectDuplex("127.0.0.1", port);
    await expect(refused.connection).rejects.toThrow("ECONNREFUSED");
    const place = `127.0.0.1:${String(port)}`;
    const code = "code: 'ECONNREFUSED'";
    expect(inspect(refused)).toBe(`ConnectedDuplex ${place} { state: 'failed', ${code}, ${counts} }`);

    const { client, server } = await pair();
    const closed = new Promise((resolve) => server.duplex.resume().on("close", resolve));
    client.duplex.destroy(Object.assign(new Error("no more"), { code: "E_PROGRAM" }));
    await closed;
    const ours = `ConnectionDuplex A -> B { state: 'failed', code: 'E_PROGRAM', ${counts} }`;
    expect(printed(client.duplex, client)).toBe(ours);
    const theirs = `ConnectionDuplex A -> B { state: 'failed', code: 'ECONNRESET', ${counts} }`;
    expect(printed(server.duplex, server)).toBe(theirs);
  });

  test("reset, closed", async () => {
    const [one, other] = [await pair(), await pair()];
    const { duplex } = one.client;
    one.client.reset();
    expect(printed(duplex, one.client)).toBe(`ConnectionDuplex A -> B { state: 'reset', ${counts} }`);
    const ended = other.client.duplex;
    await Promise.all([other.client.close(), other.server.close()]);
    expect(printed(ended, other.client)).toBe(`ConnectionDuplex A -> B { state: 'closed', ${counts} }`);
  });

  test("and its prototype and a table of Duplexes do not throw", async () => {
    const { client } = await pair();
    const { duplex } = client;
    expect(inspect(Object.getPrototypeOf(duplex), { showHidden: true })).not.toContain("state:");
    let text = "";
    const sink = new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    });
    new Console(sink).table([duplex]);
    expect(text).toContain("(index)");
  });
});

describe("a listener is printed as one line", () => {
  test("open, with the clients that wait, and closed", async () => {
    const listener = await loopback({ backlog: 1 });
    const { port } = listener;
    const name = `127.0.0.1:${String(port)}`;
    expect(listener.toString()).toBe(name);
    keep(await connect("127.0.0.1", port));
    await until(() => listener.pending === 1);
    expect(await endOfClient(port)).toBe("ECONNRESET");
    expect(inspect(listener)).toBe(`Listener ${name} { state: 'open', pending: 1, dropped: 1 }`);
    expect(inspect([listener], { depth: 0 })).toBe("[ [Listener] ]");
    await listener.close();
    expect(inspect(listener)).toBe(`Listener ${name} { state: 'closed', pending: 0, dropped: 1 }`);
    const address = { address: "127.0.0.1", port, family: 4 };
    const facts = { address, addresses: [address], state: "closed", pending: 0, dropped: 1 };
    expect(listener.toJSON()).toEqual(facts);
  });
});

test("console.table, a copy, and a print without own inspections show no socket and no server", async () => {
  const listener = await loopback();
  const { client } = await pair();
  let table = "";
  const sink = new Writable({
    write: (text, _, done) => {
      table += String(text);
      done();
    },
  });
  const { port } = listener;
  for (const one of [listener, client, lengthPrefixed(client)]) {
    new Console(sink).table([one]);
    table +=
      inspect(one, { customInspect: false, depth: null }) + inspect(Object.assign({}, one), { depth: null });
  }
  expect(table).not.toMatch(/_events|_handle|Server|Socket|Buffer/);
  expect(table).toContain(String(port));
});

describe("frames are printed as one line", () => {
  test("with their connection and limits", async () => {
    const { client } = await pair();
    const frames = lengthPrefixed(client, { bytes: 2, limit: 1000 });
    expect(printed(frames, client)).toBe("Frames A -> B { state: 'open', bytes: 2, limit: 1000 }");
    expect(frames.toString()).toBe(client.toString());
    expect(frames.toJSON()).toEqual({ connection: client.toJSON(), bytes: 2, limit: 1000 });
    expect(lengthPrefixed(client, { bytes: 1 }).toJSON()).toMatchObject({ limit: 255 });
  });

  test("and their loops, like those of a connection, as their class alone", async () => {
    const { client } = await pair();
    const loops = [client.lines(), client.chunks(), lengthPrefixed(client)[Symbol.asyncIterator]()];
    expect(inspect(loops, { showHidden: false })).toBe("[ [Lines], [Chunks], [MessageLoop] ]");
  });
});

describe("an error is printed with its stack and its own fields", () => {
  test("with one line for each attempt, and the cause as Node prints it", async () => {
    const port = await unusedPort();
    const error = await connect("localhost", port, { family: 4 }).catch((error: unknown) => error);
    if (!(error instanceof NetError)) throw error;
    const lines = inspect(error).replaceAll(String(port), "PORT").split("\n");
    const fields = lines.filter((line) => !/^ +at /.test(line)).map((line) => line.replace(/\S+ ms/, "N ms"));
    expect(fields.slice(0, -1)).toEqual([
      "NetError: connect localhost:PORT: 127.0.0.1:PORT: connection refused (ECONNREFUSED)",
      "  code: 'ECONNREFUSED',",
      "  operation: 'connect',",
      "  transient: true,",
      "  syscall: 'connect',",
      "  host: 'localhost',",
      "  address: '127.0.0.1',",
      "  port: PORT,",
      "  attempts: [",
      "    'connect 127.0.0.1:PORT: connection refused (ECONNREFUSED), N ms'",
      "  ],",
      "  [cause]: Error: connect ECONNREFUSED 127.0.0.1:PORT",
      "    errno: -111,",
      "    code: 'ECONNREFUSED',",
      "    syscall: 'connect',",
      "    address: '127.0.0.1',",
      "    port: PORT",
      "  }",
    ]);
    const { message, attempts = [] } = error;
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      ...{ name: "NetError", message, code: "ECONNREFUSED", operation: "connect", syscall: "connect" },
      ...{ host: "localhost", address: "127.0.0.1", port, transient: true },
      attempts: attempts.map(({ message, duration }) => ({
        ...{ name: "NetError", message, code: "ECONNREFUSED", operation: "connect", syscall: "connect" },
        ...{ address: "127.0.0.1", port, transient: true, duration },
      })),
    });
    expect(attempts).toHaveLength(1);
    expect(error.toString()).toBe(`NetError: ${message}`);
  });

  test("with the time that it waited", async () => {
    const listener = await loopback();
    const error = await listener.accept({ timeout: 0 }).catch((error: unknown) => error);
    if (!(error instanceof NetTimeoutError)) throw error;
    expect(inspect(error)).toMatch(/^NetTimeoutError: accept .*timed out after 0 ms \(ETIMEDOUT\)\n {4}at /);
    expect(inspect(error)).toContain("  timeout: 0\n}");
    expect(error.toJSON()).toMatchObject({ name: "NetTimeoutError", code: "ETIMEDOUT", timeout: 0 });
  });

  test("with the reason of a signal", async () => {
    const listener = await loopback();
    const error = await listener.accept({ signal: AbortSignal.timeout(1) }).catch((error: unknown) => error);
    expect(inspect(error)).toMatch(/\[cause\]: (?:DOMException \[)?TimeoutError/);
  });

  test("under the name of its class", () => {
    class MyError extends NetError {}
    const error = new MyError("no", { code: "EMINE", operation: "read" });
    expect(inspect(error)).toMatch(/^MyError \[NetError\]: no\n {4}at /);
    expect(inspect({ error }, { showHidden: true })).not.toContain("Symbol(");
  });

  test("with fields that the program has added", async () => {
    const { client } = await pair();
    const error = Object.assign(new NetError("no", { code: "EMINE", operation: "read" }), { client });
    expect(printed(error, client)).toContain("  client: Connection A -> B { state: 'open',");
  });

  test("with no socket and no bytes that a cause holds, however deep", async () => {
    const { client } = await pair();
    const inner = Object.assign(new Error("inner"), { socket: client.socket });
    const several = new AggregateError([inner], "several", { cause: inner });
    const cause = Object.assign(new Error("outer", { cause: several }), {
      ...{ code: "EOUTER", socket: client.socket, packet: Buffer.from(SECRET) },
    });
    const error = new NetError("no", { code: "EMINE", operation: "read", cause });
    const shown = inspect(error, { depth: null, showHidden: true });
    expect(shown).not.toMatch(/_events|_readableState|_handle|Buffer\(|<Buffer/);
    for (const part of ["'EOUTER'", "'an object (StreamSocket)'", "'a Buffer of 22 bytes'", "Error: inner"]) {
      expect(shown).toContain(part);
    }
    const object = new NetError("no", { code: "EMINE", operation: "read", cause: client.socket });
    expect(inspect(object)).toContain("[cause]: 'an object (StreamSocket)'");
    const text = new NetError("no", { code: "EMINE", operation: "read", cause: "why" });
    expect(inspect(text)).toContain("[cause]: 'why'");
  });

  test("whose causes come round, or cannot be read", () => {
    const first = new NetError("first", { code: "EMINE", operation: "read", cause: null });
    const second = new NetError("second", { code: "EMINE", operation: "read", cause: first });
    first.cause = second;
    expect(inspect(first, { depth: null }).match(/NetError: first/g)).toHaveLength(1);
    const unreadable = new Error("unreadable");
    const fail = { get: () => fail_() };
    const fail_ = (): never => {
      throw new Error("read");
    };
    Object.defineProperties(unreadable, { name: fail, socket: { ...fail, enumerable: true } });
    const error = new NetError("no", { code: "EMINE", operation: "read", cause: unreadable });
    expect(inspect(error)).toContain("[cause]: 'an object (Error)'");
  });
});

test("the prototypes can be printed as well", () => {
  const messages = framed(memoryPair()[0], jsonLines());
  const objects = [lengthPrefixed(memoryPair()[0]), messages, requests(messages), Connection.prototype];
  const prototypes = objects.map((each) => Object.getPrototypeOf(each) as object);
  for (const prototype of [Connection.prototype, Listener.prototype, ...prototypes]) {
    for (const one of [prototype, Object.create(prototype) as object]) {
      expect(inspect(one, { showHidden: true, getters: true })).toEqual(expect.any(String));
      expect(String(one as unknown)).toBe("[object Object]");
      expect(JSON.stringify(one)).toBe("{}");
    }
  }
  expect(inspect(NetError.prototype)).toEqual(expect.any(String));
  expect(JSON.parse(JSON.stringify(NetError.prototype))).toEqual({ name: "NetError", message: "" });
});

test("bytes that were received or written are printed nowhere, in no state", async () => {
  const { client, server } = await pair();
  const frames = lengthPrefixed(server);
  const shown: string[] = [];
  const look = (...values: unknown[]) => {
    for (const value of [client, server, frames, ...values]) {
      shown.push(inspect(value, { showHidden: true, depth: null, getters: false }));
      shown.push(JSON.stringify(value), String(value));
    }
  };
  const failure = async (promise: Promise<unknown>) => look(await promise.catch((error: unknown) => error));
  await client.write(SECRET);
  await until(() => server.readableLength === SECRET.length);
  look(server.lines());
  await failure(server.readLine({ limit: 3 }));
  await failure(server.readUntil("\0", { limit: 3 }));
  await failure(frames.receive());
  await failure(server.readExactly(1000, { timeout: 0 }));
  client.reset();
  await failure(client.write(SECRET));
  await failure(server.closed);
  await failure(server.readExactly(1000));
  await failure(server.write(SECRET));
  const hex = Buffer.from(SECRET).toString("hex").slice(0, 12).match(/../g) ?? [];
  expect(shown.length).toBeGreaterThan(60);
  const telling = shown.filter((text) => text.includes("hunter2") || text.includes(hex.join(" ")));
  expect(telling).toEqual([]);
});
