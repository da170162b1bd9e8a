import { once } from "node:events";
import { createServer, Socket, type AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { switchOff } from "../../../src/core/transport/node-internals.js";
import { socketSettingsOf } from "../../../src/core/transport/socket-settings.js";
import { streamBeneath } from "../../../src/core/transport/tls-internals.js";
import { connect, Connection } from "../../../src/index.js";
import { memoryPair } from "../../../src/testing/memory-pair.js";
import { turn, until } from "../../support/outcomes.js";
import { closeAll, endOf, keep, loopback, pair } from "../../support/peers.js";
import { duplexesInMemory, socketPair, tlsPair, tunnelPair } from "../../support/adopted-pairs.js";
import { startedTls } from "../../support/tls-pairs.js";

afterEach(closeAll);

const EVENTS = ["data", "readable", "end", "error", "close", "finish", "drain", "pause", "resume"];

/** What a stream has of its own that adopting might change, and how many listen to each event. */
function traces(stream: Duplex) {
  const names = [
    "push",
    "read",
    "resume",
    "on",
    "addListener",
    "destroy",
    "_destroy",
    "_final",
    "unshift",
    "ref",
  ] as const;
  return {
    symbols: symbolsOfOurs(stream),
    methods: names.map((name) => [name, Object.getOwnPropertyDescriptor(stream, name)]),
    listeners: EVENTS.map((event) => stream.listenerCount(event)),
    allowHalfOpen: stream.allowHalfOpen,
  };
}

function symbolsOfOurs(stream: Duplex): symbol[] {
  return Object.getOwnPropertySymbols(stream).filter((symbol) =>
    /tcp6\.(?:sink|events|taken|writes|may-be-cut)/u.test(String(symbol)),
  );
}

/** The names of all methods that a stream has not inherited. */
function methodsOf(stream: Duplex): string[] {
  const own = Object.entries(Object.getOwnPropertyDescriptors(stream)).filter(
    ([, { value }]) => typeof value === "function",
  );
  return own.map(([name]) => name).sort();
}

/** Both ends of TLS over a pair of streams in memory. */
async function tlsInMemory(): Promise<[Duplex, Duplex]> {
  const [a, b] = await startedTls(memoryPair());
  return [a.detach(), b.detach()];
}

function ignore(): void {
  // The bytes that are read do not matter here.
}

/** A socket with methods of its class's own. */
class CountingSocket extends Socket {
  pushed = 0;

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    this.pushed++;
    return super.push(chunk, encoding);
  }
}

/** A socket of this class, and what it is connected to. */
async function countingPair(): Promise<[Socket, CountingSocket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = keep(new CountingSocket());
  socket.connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [[peer]] = (await Promise.all([once(server, "connection"), once(socket, "connect")])) as [
    [Socket],
    unknown,
  ];
  server.close();
  return [keep(peer), socket];
}

const kinds: readonly (readonly [string, () => Promise<[Duplex, Duplex]>])[] = [
  ["a socket", socketPair],
  ["a socket with methods of its own", countingPair],
  ["a TLS socket", tlsPair],
  ["a Duplex around a socket", tunnelPair],
];

describe.each(kinds)("%s", (_name, make) => {
  /** Both ends, of which errors are noted. */
  async function ends(): Promise<[Duplex, Duplex]> {
    const [left, right] = await make();
    for (const end of [left, right]) end.on("error", () => undefined);
    return [left, right];
  }

  /** Each returns what has to settle before the stream is released. */
  const ways: readonly (readonly [string, (connection: Connection, peer: Duplex) => unknown])[] = [
    ["detached", (connection) => connection.detach()],
    [
      "detached while a read and a write wait",
      (connection) => {
        void connection.read().catch(ignore);
        void connection.write(Buffer.alloc(30_000_000));
        connection.detach();
      },
    ],
    [
      "read as a stream, and detached",
      (connection) => {
        connection.socket.on("data", ignore).off("data", ignore);
        connection.detach();
      },
    ],
    [
      "closed",
      (connection, peer) => {
        peer.resume().end();
        return connection.close();
      },
    ],
    ["reset", (connection) => connection.reset()],
    [
      "ended by both sides",
      (connection, peer) => {
        peer.resume().end();
        return connection.closeWrite();
      },
    ],
    ["destroyed by its maker", (connection) => connection.socket.destroy()],
    ["failed", (connection) => connection.socket.destroy(new Error("broken"))],
  ];

  test.each(ways)("%s is as it was", async (way, release) => {
    for (const allowHalfOpen of [true, false]) {
      const [left, right] = await ends();
      right.allowHalfOpen = allowHalfOpen;
      const before = traces(right);
      for (let again = 0; again < 2 && !right.destroyed; again++) {
        const connection = Connection.from(right);
        await Promise.resolve(release(connection, left));
        await connection.closed.catch(() => undefined);
        await turn();
        const after = traces(right);
        expect({ ...after, listeners: undefined }).toEqual({ ...before, listeners: undefined });
        // Once-listeners of the stream's maker for events that have happened are gone.
        const added = after.listeners.map((count, index) => count - (before.listeners[index] ?? 0));
        expect(Math.max(...added)).toBe(0);
        if (!right.closed) expect(Math.min(...added)).toBe(0);
        if (way.includes("write wait")) break;
      }
      left.destroy();
      right.destroy();
    }
  });

  test("detached, a stream ends itself or stays open at its peer's end, as it did before", async () => {
    for (const allowHalfOpen of [true, false]) {
      const [left, right] = await ends();
      right.allowHalfOpen = allowHalfOpen;
      const connection = Connection.from(right);
      left.end("last");
      expect(String(await connection.readAll())).toBe("last");
      expect(connection.detach()).toBe(right);
      await once(right.resume(), "end");
      for (let i = 0; i < 3; i++) await turn();
      expect(right.writableEnded).toBe(!allowHalfOpen);
      left.destroy();
      right.destroy();
    }
  });
});

describe.each([
  ...kinds,
  ["a TLS socket over a pair in memory", tlsInMemory],
  ["a side of a pair in memory", duplexesInMemory],
] as const)("%s has only its own methods when it has closed during a write", (_name, make) => {
  /** Each ends a connection, or the stream that the connection has handed over. */
  const ways: readonly (readonly [string, (connection: Connection) => unknown])[] = [
    ["by a reset", (connection) => connection.reset()],
    ...[0, 1, 2].map(
      (turns) =>
        [
          `by a reset ${String(turns)} turns after it was ended`,
          async (connection: Connection) => {
            void connection.closeWrite().catch(ignore);
            for (let i = 0; i < turns; i++) await turn();
            connection.reset();
          },
        ] as const,
    ),
    ["destroyed by its maker", (connection) => connection.socket.destroy()],
    ["detached and destroyed", (connection) => connection.detach().destroy()],
    ...[0, 1, 2].map(
      (turns) =>
        [
          `detached and ended, and destroyed ${String(turns)} turns later`,
          async (connection: Connection) => {
            const stream = connection.detach().end();
            for (let i = 0; i < turns; i++) await turn();
            stream.destroy();
          },
        ] as const,
    ),
  ];

  test.each(ways)("%s", async (_way, close) => {
    const [peer, stream] = await make();
    const beneath = streamBeneath(stream) ?? stream;
    for (const end of [peer, stream]) end.on("error", ignore);
    const before = [methodsOf(stream), methodsOf(beneath)];
    const connection = Connection.from(stream);
    const writing = Promise.allSettled([connection.write(Buffer.alloc(60_000))]);
    await close(connection);
    await Promise.allSettled([writing, connection.closed]);
    await until(() => stream.closed && beneath.closed);
    await turn();
    expect([methodsOf(stream), methodsOf(beneath)]).toEqual(before);
    peer.destroy();
  });
});

test("the methods of a socket's own class are called again when it was handed over, or read as a stream", async () => {
  const [peer, socket] = await countingPair();
  for (const giveBack of [
    (connection: Connection) => connection.detach(),
    (connection: Connection) => connection.socket,
  ]) {
    const connection = Connection.from(socket);
    peer.write("for the connection");
    await connection.read();
    const { pushed } = socket;
    const stream = giveBack(connection);
    const data = once(stream, "data");
    peer.write("for its class");
    await data;
    expect(socket.pushed).toBeGreaterThan(pushed);
  }
});

test("methods that the program has wrapped while a connection had the stream stay wrapped, and work", async () => {
  for (const make of [socketPair, duplexesInMemory]) {
    const [left, right] = await make();
    const connection = Connection.from(right);
    let pushed = 0;
    const inner = right.push.bind(right);
    const wrapper = (chunk: unknown, encoding?: BufferEncoding) => {
      pushed++;
      return inner(chunk, encoding);
    };
    right.push = wrapper;
    left.write("one");
    expect(String(await connection.read())).toBe("one");
    connection.detach();
    expect(Object.getOwnPropertyDescriptor(right, "push")?.value).toBe(wrapper);
    left.write("two");
    const [chunk] = (await once(right, "data")) as [Buffer];
    expect([String(chunk), pushed > 1]).toEqual(["two", true]);
    left.destroy();
    right.destroy();
  }
});

test("what a socket had sent when it was destroyed stays the same when it is destroyed again", async () => {
  const [left, right] = await socketPair();
  const connection = Connection.from(left);
  const size = 16 * 1024 * 1024;
  const written = connection.write(Buffer.alloc(size)).catch(ignore);
  await turn();
  left.destroy();
  const { bytesWritten } = connection;
  expect(bytesWritten).toBeLessThan(size);
  left.destroy();
  expect(connection.bytesWritten).toBe(bytesWritten);
  await written;
  right.destroy();
});

test("a socket whose methods were wrapped during one connection works in the next", async () => {
  for (const make of [socketPair, tlsPair]) {
    const [left, right] = await make();
    const before = traces(right).symbols;
    const first = Connection.from(right);
    const calls = new Set<string>();
    const wrapped = ["push", "on", "destroy", "_write"] as const;
    for (const name of wrapped) {
      const inner = Reflect.get(right, name) as (...args: unknown[]) => unknown;
      const wrapper = (...args: unknown[]) => {
        calls.add(name);
        return inner.apply(right, args);
      };
      Object.assign(right, { [name]: wrapper });
    }
    first.detach();
    const second = Connection.from(right);
    left.write("one");
    expect(String(await second.read())).toBe("one");
    await second.write("two");
    expect(String(((await once(left, "data")) as [Buffer])[0])).toBe("two");
    second.detach();
    await turn();
    right.write("three");
    expect(String(((await once(left, "data")) as [Buffer])[0])).toBe("three");
    right.destroy();
    expect([...calls]).toEqual(expect.arrayContaining(["on", "_write", "destroy"]));
    expect(traces(right).symbols).toEqual(before);
    left.destroy();
  }
});

test("a paused socket comes back paused, a socket with a 'data' listener flows on", async () => {
  const [left, right] = await socketPair();
  right.pause();
  Connection.from(right).detach();
  expect(right.readableFlowing).toBe(false);
  const chunks: string[] = [];
  right.on("data", (chunk: Buffer) => chunks.push(String(chunk))).resume();
  const connection = Connection.from(right);
  left.write("read\nunread");
  expect(await connection.readLine()).toBe("read");
  connection.detach();
  await until(() => chunks.join("") === "unread");
  left.destroy();
  right.destroy();
});

test.each<[string, (socket: Socket) => unknown, (socket: Socket) => unknown]>([
  ["resumes", (socket) => socket.pause(), (socket) => socket.resume()],
  ["pauses", (socket) => socket.resume(), (socket) => socket.pause()],
])("a socket that the program %s while a connection has it stays so", async (_name, before, meanwhile) => {
  const [left, right] = await socketPair();
  before(right);
  const connection = Connection.from(right);
  meanwhile(right);
  const { readableFlowing } = right;
  connection.detach();
  expect(right.readableFlowing).toBe(readableFlowing);
  left.destroy();
  right.destroy();
});

describe.each([
  ["a socket", socketPair],
  ["a TLS socket", tlsPair],
  ["a side of a pair", duplexesInMemory],
] as const)("%s comes back flowing as it was", (_name, make) => {
  test.each<[string, (stream: Duplex) => unknown]>([
    ["untouched", () => undefined],
    ["paused", (stream) => stream.pause()],
    ["paused with a 'data' listener", (stream) => stream.on("data", ignore).pause()],
    ["resumed with no listener", (stream) => stream.resume()],
    ["with a 'data' listener", (stream) => stream.on("data", ignore)],
    ["with a 'readable' listener", (stream) => stream.on("readable", ignore)],
  ])("%s", async (_state, prepare) => {
    const [left, right] = await make();
    prepare(right);
    const before = [right.readableFlowing, right.isPaused()];
    Connection.from(right).detach();
    expect([right.readableFlowing, right.isPaused()]).toEqual(before);
    for (let i = 0; i < 3; i++) await turn();
    expect([right.readableFlowing, right.isPaused()]).toEqual(before);
    // With a listener of that kind a stream does not flow when it is resumed.
    expect(right.resume().readableFlowing).toBe(right.listenerCount("readable") === 0);
    left.destroy();
    right.destroy();
  });

  test("one that was paused does not flow for a 'data' listener that is added while a connection has it", async () => {
    const [left, right] = await make();
    right.pause();
    const connection = Connection.from(right);
    left.write("read\nunread");
    expect(await connection.readLine()).toBe("read");
    let got = "";
    right.on("data", (chunk: Buffer) => (got += String(chunk)));
    for (let i = 0; i < 3; i++) await turn();
    expect([got, right.readableFlowing, right.isPaused()]).toEqual(["", false, true]);
    right.resume();
    await until(() => got === "unread");
    left.destroy();
    right.destroy();
  });

  test("a 'data' listener that it had gets only what the connection has not read, and once", async () => {
    const [left, right] = await make();
    let got = "";
    right.on("data", (chunk: Buffer) => (got += String(chunk)));
    const connection = Connection.from(right);
    left.write("read\nunread");
    expect(await connection.readLine()).toBe("read");
    expect(got).toBe("");
    connection.detach();
    expect(got).toBe("");
    await until(() => got === "unread");
    left.destroy();
    right.destroy();
  });

  test.each([null, "utf8"] as const)(
    "one that flowed without a listener gives what is unread to a listener that is added at once, encoding %p",
    async (encoding) => {
      const [left, right] = await make();
      right.resume();
      if (encoding !== null) right.setEncoding(encoding);
      const connection = Connection.from(right);
      left.write("read\nunread");
      expect(await connection.readLine()).toBe("read");
      await until(() => connection.readableLength === 6);
      connection.detach();
      let got = "";
      right.on("data", (chunk: Buffer | string) => (got += String(chunk)));
      expect(got).toBe("");
      await until(() => got === "unread");
      left.destroy();
      right.destroy();
    },
  );
});

test("a socket has the noDelay and keepAlive back that it had", async () => {
  const [left, right] = await socketPair();
  const settings = () => socketSettingsOf(right);
  const before = settings();
  expect(before?.noDelay).toBe(false);
  const connection = Connection.from(right, { keepAlive: 5_000 });
  expect(settings()).toMatchObject({ noDelay: true, keepAlive: true, delay: 5_000 });
  connection.detach();
  expect(settings()).toMatchObject({ noDelay: false, keepAlive: false });
  left.destroy();
  right.destroy();
});

test("a socket that ends as it is adopted keeps what it had for the connection's reads", async () => {
  const [own, peer] = await socketPair();
  own.on("readable", ignore);
  await once(peer.end("unread"), "finish");
  await until(() => own.readableLength === 6);
  // The end has arrived by then.
  for (let turns = 0; turns < 5; turns++) await turn();
  own.off("readable", ignore);
  const connection = keep(Connection.from(own));
  await until(() => own.readableEnded);
  expect(() => connection.detach()).toThrow(/to be read \(ERR_CLOSED\)$/);
  expect(String(await connection.read())).toBe("unread");
  connection.detach().destroy();
});

describe("what this library's own connections hand over is as any socket", () => {
  test("connected or accepted, it ends itself when its peer ends", async () => {
    const { client, server } = await pair();
    const [a, b] = [client.detach().resume(), server.detach().resume()];
    expect([a.allowHalfOpen, b.allowHalfOpen]).toEqual([false, false]);
    const closed = [once(a, "close"), once(b, "close")];
    a.end("bye");
    await Promise.all(closed);
  });

  test("accepted by Node's own function, it has no methods of ours", async () => {
    const listener = await loopback();
    switchOff("readsIntoOurMemory");
    const client = keep(await connect("127.0.0.1", listener.port));
    const server = keep(await listener.accept());
    switchOff();
    expect(Object.hasOwn(server.socket, "push")).toBe(true);
    const socket = keep(server.detach().on("error", ignore));
    expect(
      ["push", "read", "resume", "on", "addListener", "destroy"].filter((name) =>
        Object.hasOwn(socket, name),
      ),
    ).toEqual([]);
    expect(symbolsOfOurs(socket)).toEqual([]);
    await client.write("x");
    expect(String((await once(socket, "data"))[0])).toBe("x");
  });

  test("code that has its handle read at once, as HTTP/2 over TLS does, leaves it as it is", async () => {
    const { client, server } = await pair();
    const socket = keep(server.detach());
    (socket as unknown as { _handle: { readStart(): number } })._handle.readStart();
    await turn();
    await client.write("x");
    expect(String((await once(socket, "data"))[0])).toBe("x");
  });

  test("a reset that came together with data is reported as a reset, not as an end", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const accepting = once(server, "connection");
    const connection = await connect("127.0.0.1", (server.address() as AddressInfo).port);
    const [peer] = (await accepting) as [Socket];
    const socket = keep(connection.detach());
    const ending = endOf(socket);
    const failing = once(socket, "error") as Promise<[Error]>;
    peer.write("data");
    peer.resetAndDestroy();
    expect(await ending).toBe("ECONNRESET");
    const [error] = await failing;
    expect(error).toMatchObject({ message: "read ECONNRESET", code: "ECONNRESET", syscall: "read" });
    server.close();
  });

  test("an end that was followed by a reset before the socket is handed over still comes after its bytes", async () => {
    const { client, server } = await pair();
    await client.write("last");
    await client.closeWrite();
    await until(() => server.readableLength === 4);
    await turn();
    client.reset();
    await turn();
    const socket = server.detach();
    const [chunk] = (await once(socket, "data")) as [Buffer];
    expect(String(chunk)).toBe("last");
    socket.on("error", () => undefined).destroy();
  });
});
