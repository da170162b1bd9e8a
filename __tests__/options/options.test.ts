import type { Duplex } from "node:stream";
import {
  connect,
  Connection,
  connectTo,
  lengthPrefixed,
  listen,
  relay,
  resolve,
  setParameters,
  withParameters,
  Listener,
} from "../../src/index.js";
import type { ConnectionOptions } from "../../src/index.js";
import { until } from "../support/outcomes.js";
import { closeAll, keep, loopback, pair } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";

afterEach(closeAll);

type Call = (options: unknown) => unknown;
type Loose = (...args: readonly unknown[]) => unknown;

const loose = (call: unknown): Loose => call as Loose;

/** What a call throws or rejects with. */
async function refusal(call: () => unknown): Promise<unknown> {
  try {
    const result = await call();
    if (result instanceof Connection || result instanceof Listener) await result.close();
    return new Error("it was not refused");
  } catch (error) {
    return error;
  }
}

function unknownOption(message: string): unknown {
  return expect.objectContaining({ name: "TypeError", code: "ERR_INVALID_ARG_VALUE", message });
}

function wrongOptions(message: string): unknown {
  return expect.objectContaining({ name: "TypeError", code: "ERR_INVALID_ARG_TYPE", message });
}

const ADDRESS = { address: "127.0.0.1", port: 9, family: 4 };

/** Whatever the options are, none of these does anything but refuse them. */
const CALLS: Readonly<Record<string, Call>> = {
  connect: (options) => loose(connect)("127.0.0.1:9", options),
  "connect with a host and a port": (options) => loose(connect)("127.0.0.1", 9, options),
  connectTo: (options) => loose(connectTo)([ADDRESS], options),
  listen: (options) => loose(listen)(0, options),
  resolve: (options) => loose(resolve)("127.0.0.1", 9, options),
};

const OF_LISTEN =
  "readTimeout, writeTimeout, lingerTimeout, bufferSize, autoCork, readAhead, noDelay, keepAlive, closeOn, allowTruncation, host, backlog, maxConnections, blockList, ipv6Only, reusePort, mode, unlinkStale, acceptTimeout, signal, tls, proxyProtocol, handshakeTimeout";

describe("an option that does not exist is refused by name", () => {
  const NEAR: readonly (readonly [call: string, options: object, message: string])[] = [
    ["connect", { timout: 50 }, '"timout" is no option: did you mean "timeout"?'],
    ["connect", { timeout: 50, sginal: undefined }, '"sginal" is no option: did you mean "signal"?'],
    ["connect with a host and a port", { timeOut: 5 }, '"timeOut" is no option: did you mean "timeout"?'],
    ["connectTo", { attempt_delay: 5 }, '"attempt_delay" is no option: did you mean "attemptDelay"?'],
    ["connect", { port: 5 }, '"port" is no option: it is part of the endpoint, the first argument'],
    ["connectTo", { localadress: "::1" }, '"localadress" is no option: did you mean "localAddress"?'],
    ["listen", { hostname: "127.0.0.1" }, '"hostname" is no option: did you mean "host"?'],
    ["listen", { hostname: undefined }, '"hostname" is no option: did you mean "host"?'],
    ["listen", { port: 5 }, '"port" is no option: it is part of the endpoint, the first argument'],
    ["listen", { exclusive: true }, `"exclusive" is no option; there is ${OF_LISTEN}`],
    [
      "listen",
      { timeout: 5 },
      '"timeout" is no option: listening is not bounded in time, a signal may cancel it',
    ],
    ["resolve", { famly: 4 }, '"famly" is no option: did you mean "family"?'],
    ["resolve", Object.create({ famly: 4 }) as object, '"famly" is no option: did you mean "family"?'],
  ];

  test.each(NEAR)("%s(… %p)", async (name, options, message) => {
    expect(await refusal(() => CALLS[name]?.(options))).toEqual(unknownOption(message));
    await expect(nothingLeft()).resolves.toBeUndefined();
  });

  test.each(Object.entries(CALLS))("%s repeats no name that cannot be one", async (_, call) => {
    const error = await refusal(() => call({ "the password is hunter2": 1 }));
    expect((error as Error).message).toMatch(/^a string of 23 characters is no option; there is \w/);
  });

  test.each(Object.entries(CALLS))(
    "%s does not take a property of Object.prototype for an option",
    async (_, call) => {
      const everyObject = Object.prototype as { added?: number };
      everyObject.added = 5;
      try {
        expect((await refusal(() => call({}))) as Error).not.toBeInstanceOf(TypeError);
        expect(await refusal(() => call({ added: 5 }))).toBeInstanceOf(TypeError);
      } finally {
        delete everyObject.added;
      }
    },
  );

  test.each(Object.entries(CALLS))("%s takes an object without a prototype", async (_, call) => {
    const options = Object.create(null) as Record<string, unknown>;
    expect(await refusal(() => call(options))).not.toBeInstanceOf(TypeError);
    options["timout"] = 5;
    expect(await refusal(() => call(options))).toBeInstanceOf(TypeError);
  });

  test("of Connection.from, relay and lengthPrefixed", async () => {
    const { client, server } = await pair();
    expect(await refusal(() => loose(lengthPrefixed)(client, { byte: 4 }))).toEqual(
      unknownOption('"byte" is no option: did you mean "bytes"?'),
    );
    expect(await refusal(() => loose(relay)(client, server, { timeout: 5 }))).toEqual(
      unknownOption('"timeout" is no option: did you mean "idleTimeout"?'),
    );
    expect(await refusal(() => loose(relay)(client, server, 5_000))).toEqual(
      wrongOptions(
        '"options" must be an object of options (a time without bytes is { idleTimeout }); received 5000',
      ),
    );
    const socket: Duplex = client.detach();
    const from = loose((...args: [Duplex, object]) => Connection.from(...args));
    expect(await refusal(() => from(socket, { readTimeOut: 5 }))).toEqual(
      unknownOption('"readTimeOut" is no option: did you mean "readTimeout"?'),
    );
    keep(Connection.from(socket, { readTimeout: 5 }));
  });

  test.each([
    [{ readTimeOut: 5 }, '"readTimeOut" is no parameter: did you mean "readTimeout"?'],
    [{ readTimeOut: undefined }, '"readTimeOut" is no parameter: did you mean "readTimeout"?'],
    [
      { toString: 5 },
      '"toString" is no parameter; there is readTimeout, writeTimeout, lingerTimeout, connectTimeout, attemptTimeout, acceptTimeout, bufferSize, ipv6Only',
    ],
  ])("of parameters: %p", async (values, message) => {
    let ran = false;
    expect(await refusal(() => loose(setParameters)(values))).toEqual(unknownOption(message));
    const scoped = () => loose(withParameters)(values, () => (ran = true));
    expect(await refusal(scoped)).toEqual(unknownOption(message));
    expect(ran).toBe(false);
  });
});

describe("an endpoint has the parts of one and no others", () => {
  const IS_OPTION = "it is an option, and belongs into the argument after the endpoint";

  test.each([
    [
      connect,
      { host: "127.0.0.1", port: 9, timeout: 5 },
      `"timeout" is no part of an endpoint: ${IS_OPTION}`,
    ],
    [
      connect,
      { hostname: "127.0.0.1", port: 9 },
      '"hostname" is no part of an endpoint: did you mean "host"?',
    ],
    [connect, ADDRESS, '"address" is no part of an endpoint: addresses are for connectTo'],
    [connect, { paht: "/run/app.sock" }, '"paht" is no part of an endpoint: did you mean "path"?'],
    [
      connect,
      { path: "/run/app.sock", signal: undefined },
      `"signal" is no part of an endpoint: ${IS_OPTION}`,
    ],
    [
      listen,
      { hostname: "127.0.0.1", port: 0 },
      '"hostname" is no part of an endpoint: did you mean "host"?',
    ],
    [listen, { hostname: undefined, port: 0 }, '"hostname" is no part of an endpoint: did you mean "host"?'],
    [listen, { port: 0, backlog: 5 }, `"backlog" is no part of an endpoint: ${IS_OPTION}`],
    [listen, { port: 0, ipv6Only: true }, `"ipv6Only" is no part of an endpoint: ${IS_OPTION}`],
    [listen, { prot: 0 }, '"prot" is no part of an endpoint: did you mean "port"?'],
    [
      listen,
      { port: 0, address: "::1" },
      '"address" is no part of an endpoint; there is port, host, path, fd, name',
    ],
  ])("%p is refused (case %#)", async (call, endpoint, message) => {
    expect(await refusal(() => loose(call)(endpoint))).toEqual(unknownOption(message));
    await expect(nothingLeft()).resolves.toBeUndefined();
  });

  test.each([
    [connect, { host: "127.0.0.1", port: 9, path: "/run/app.sock" }],
    [connect, { port: 9, path: "/run/app.sock" }],
    [listen, { port: 0, path: "/run/app.sock" }],
    [listen, { host: "127.0.0.1", path: "/run/app.sock" }],
    [listen, { port: 0, fd: 3 }],
    [listen, { path: "/run/app.sock", fd: 3 }],
    [listen, { path: "/run/app.sock", name: "web" }],
    [listen, { port: 0, name: "web" }],
  ])("nor is it two at a time (case %#)", async (call, endpoint) => {
    expect(await refusal(() => loose(call)(endpoint))).toMatchObject({
      code: "ERR_INVALID_ARG_VALUE",
      message: expect.stringMatching(/^"endpoint" must be (either|one of) /) as string,
    });
  });

  test("a part that is undefined is not there", async () => {
    const listener = keep(await listen({ host: "127.0.0.1", port: 0, path: undefined, fd: undefined }));
    const { port } = listener;
    keep(await connect({ host: "127.0.0.1", port, path: undefined } as { host: string; port: number }));
  });

  test.each([
    [connect, "a string, a URL, { host, port } or { path }"],
    [listen, "a port, a service, a string, a URL, { port, host }, { path } or { fd }"],
  ])("%p does not take a list or memory for one", async (call, forms) => {
    expect(await refusal(() => loose(call)([ADDRESS]))).toEqual(
      wrongOptions(`"endpoint" must be ${forms}; received an array of 1 element`),
    );
    expect(await refusal(() => loose(call)(Buffer.from("::1")))).toEqual(
      wrongOptions(`"endpoint" must be ${forms}; received a Buffer of 3 bytes`),
    );
  });
});

describe("in operations", () => {
  /** Reads and writes that would succeed at once with valid options. */
  const operations: Readonly<
    Record<string, (connection: Connection, listener: Listener, options: unknown) => unknown>
  > = {
    read: (connection, _, options) => loose(connection.read.bind(connection))(options),
    readInto: (connection, _, options) =>
      loose(connection.readInto.bind(connection))(Buffer.alloc(1), options),
    readExactly: (connection, _, options) => loose(connection.readExactly.bind(connection))(1, options),
    readUntil: (connection, _, options) => loose(connection.readUntil.bind(connection))("\n", options),
    readUntilAny: (connection, _, options) =>
      loose(connection.readUntilAny.bind(connection))(["\n"], options),
    readLine: (connection, _, options) => loose(connection.readLine.bind(connection))(options),
    readAll: (connection, _, options) => loose(connection.readAll.bind(connection))(options),
    lines: (connection, _, options) => loose(connection.lines.bind(connection))(options),
    split: (connection, _, options) => loose(connection.split.bind(connection))("\n", options),
    peek: (connection, _, options) => loose(connection.peek.bind(connection))(1, options),
    chunks: (connection, _, options) => loose(connection.chunks.bind(connection))(options),
    write: (connection, _, options) => loose(connection.write.bind(connection))("data", options),
    writeLine: (connection, _, options) => loose(connection.writeLine.bind(connection))("line", options),
    flush: (connection, _, options) => loose(connection.flush.bind(connection))(options),
    closeWrite: (connection, _, options) => loose(connection.closeWrite.bind(connection))(options),
    close: (connection, _, options) => loose(connection.close.bind(connection))(options),
    accept: (_, listener, options) => loose(listener.accept.bind(listener))(options),
    receive: (connection, _, options) => {
      const frames = lengthPrefixed(connection);
      return loose(frames.receive.bind(frames))(options);
    },
    send: (connection, _, options) => {
      const frames = lengthPrefixed(connection);
      return loose(frames.send.bind(frames))("data", options);
    },
  };

  test.each(Object.entries(operations))("%s refuses an option that does not exist", async (_, operation) => {
    const listener = await loopback();
    const { client, server } = await pair();
    await client.write("unread\n");
    await until(() => server.readableLength === 7);
    const timeout = unknownOption('"timout" is no option: did you mean "timeout"?');
    expect(await refusal(() => operation(server, listener, { timout: 5 }))).toEqual(timeout);
    expect(await refusal(() => operation(server, listener, { timout: undefined }))).toEqual(timeout);
    const { signal } = new AbortController();
    expect(await refusal(() => operation(server, listener, signal))).toEqual(
      wrongOptions(
        '"options" must be an object of options (a signal is { signal }); received an object (AbortSignal)',
      ),
    );
    expect(await refusal(() => operation(server, listener, ["a list"]))).toEqual(
      wrongOptions('"options" must be an object of options; received an array of 1 element'),
    );
    expect(server).toMatchObject({ readableLength: 7, bytesWritten: 0, writableLength: 0 });
    expect(await server.readLine()).toBe("unread");
  });

  const SIZE = "for that many bytes call readExactly(size), a time is { timeout }";
  const LIMIT = "a limit is { limit }, a time is { timeout }";
  const TIME = "a time is { timeout }";
  const TARGET = "to read into memory call readInto(target)";
  const TO_DECODE = "to decode bytes call toString() on the result";
  const LIST = "to send several pieces give them as one list";

  test.each([
    ["read", SIZE, TARGET],
    ["readInto", SIZE, TARGET],
    ["readExactly", SIZE, TARGET],
    ["readUntil", LIMIT, TARGET],
    ["readUntilAny", LIMIT, TARGET],
    ["readLine", LIMIT, TARGET],
    ["readAll", LIMIT, TARGET],
    ["lines", LIMIT, TARGET],
    ["split", LIMIT, TARGET],
    ["peek", SIZE, TARGET],
    ["chunks", SIZE, TARGET],
    ["receive", SIZE, TARGET],
    ["write", TIME, LIST],
    ["writeLine", TIME, LIST],
    ["send", TIME, LIST],
    ["flush", TIME, undefined],
    ["closeWrite", TIME, undefined],
    ["close", TIME, undefined],
    ["accept", TIME, undefined],
  ])("%s says what to give instead of a number, and of memory", async (name, number, bytes) => {
    const listener = await loopback();
    const { server } = await pair();
    const options = (instead?: string): string =>
      `"options" must be an object of options${instead === undefined ? "" : ` (${instead})`}; received`;
    expect(await refusal(() => operations[name]?.(server, listener, 10))).toEqual(
      wrongOptions(`${options(number)} 10`),
    );
    expect(await refusal(() => operations[name]?.(server, listener, new Uint8Array(10)))).toEqual(
      wrongOptions(`${options(bytes)} a Uint8Array of 10 bytes`),
    );
  });

  test.each([
    ["read", { limit: 5 }, '"limit" is no option; there is timeout, signal'],
    ["readExactly", { encoding: "utf8" }, `"encoding" is no option: ${TO_DECODE}`],
    ["readAll", { encoding: "utf8" }, `"encoding" is no option: ${TO_DECODE}`],
    ["readAll", { size: 5 }, '"size" is no option: for that many bytes call readExactly(size)'],
    ["readLine", { encodng: "utf8" }, '"encodng" is no option: did you mean "encoding"?'],
    ["lines", { timeout: 5, limt: 5 }, '"limt" is no option: did you mean "limit"?'],
    ["chunks", { signal: undefined, recycled: true }, '"recycled" is no option: did you mean "recycle"?'],
    ["write", { encodng: "latin1" }, '"encodng" is no option: did you mean "encoding"?'],
    ["write", { terminator: "\r\n" }, '"terminator" is no option: writeLine(line) takes one'],
    ["writeLine", { terminatr: "\r\n" }, '"terminatr" is no option: did you mean "terminator"?'],
    ["readLine", { termnator: "cr" }, '"termnator" is no option: did you mean "terminator"?'],
    [
      "send",
      { encoding: "utf8" },
      '"encoding" is no option: text is sent as UTF-8, Buffer.from(text, encoding) makes other bytes',
    ],
  ])("%s does not take an option of another: %p", async (name, options, message) => {
    const { server } = await pair();
    const listener = await loopback();
    expect(await refusal(() => operations[name]?.(server, listener, options))).toEqual(
      unknownOption(message),
    );
  });

  test("the options of each are taken, alone and together", async () => {
    const { client, server } = await pair();
    await client.write("a\nb\nc\nd\n");
    const { signal } = new AbortController();
    expect(await server.readLine({ limit: 5 })).toBe("a");
    expect(await server.readLine({ encoding: "latin1" })).toBe("b");
    expect(
      await server.readLine({ limit: 5, encoding: "ascii", terminator: "lf", timeout: 5_000, signal }),
    ).toBe("c");
    for await (const line of server.lines({ limit: 5, encoding: "ascii", timeout: 5_000, signal })) {
      expect(line).toBe("d");
      break;
    }
    await client.write("e");
    for await (const chunk of server.chunks({ recycle: true, timeout: 5_000, signal })) {
      expect(String(chunk)).toBe("e");
      break;
    }
    await client.write("f\n", {});
    await client.writeLine("g", { terminator: "\n", encoding: "latin1", timeout: 5_000, signal });
    expect(String(await server.readUntil("\n", { limit: 5 }))).toBe("f");
    for await (const record of server.split("\n", { limit: 5, last: true, timeout: 5_000, signal })) {
      expect(String(record)).toBe("g");
      break;
    }
    await client.close();
    expect(await server.readAll({ limit: 5 })).toHaveLength(0);
  });
});

test.each([
  [{ initialDelay: 5_000 }, '"initialDelay" is no option: did you mean "delay"?'],
  [{ cuont: 5 }, '"cuont" is no option: did you mean "count"?'],
  [{ password: 5 }, '"password" is no option; there is delay, interval, count'],
])("an option of keepAlive that does not exist is refused by name: %p", async (keepAlive, message) => {
  for (const call of Object.values(CALLS).slice(0, 4)) {
    expect(await refusal(() => call({ keepAlive }))).toEqual(unknownOption(message));
  }
  const { client } = await pair();
  expect(await refusal(() => loose(client.setKeepAlive.bind(client))(keepAlive))).toEqual(
    unknownOption(message),
  );
});

describe("options are read once", () => {
  /** Options whose getters return an invalid value when they are read a second time. */
  function onceOnly(values: Readonly<Record<string, unknown>>): object {
    const given = {};
    for (const [name, value] of Object.entries(values)) {
      let asked = 0;
      Object.defineProperty(given, name, {
        enumerable: true,
        get: () => (asked++ === 0 ? value : `${name} was asked for again`),
      });
    }
    return given;
  }

  const OF_CONNECTION = {
    readTimeout: 5,
    writeTimeout: 5,
    lingerTimeout: 5,
    bufferSize: 0,
    autoCork: false,
    readAhead: 0,
    noDelay: true,
    keepAlive: false,
    closeOn: new AbortController().signal,
    allowTruncation: false,
  } satisfies Record<keyof ConnectionOptions, unknown>;

  test("by listen, accept, connect, connectTo, resolve and their endpoints", async () => {
    const { signal } = new AbortController();
    const ofListen = {
      ...OF_CONNECTION,
      keepAlive: onceOnly({ delay: 5_000 }),
      backlog: 5,
      ipv6Only: false,
      reusePort: false,
      acceptTimeout: 5,
      signal,
    };
    const listener = keep(
      (await loose(listen)(onceOnly({ host: "127.0.0.1", port: 0 }), onceOnly(ofListen))) as Listener,
    );
    const { port } = listener;
    const race = {
      family: 4,
      attemptDelay: 10,
      attemptTimeout: 5_000,
      localAddress: "127.0.0.1",
      localPort: 0,
    };
    const ofConnect = (): object =>
      onceOnly({
        ...OF_CONNECTION,
        keepAlive: onceOnly({ delay: 5_000 }),
        ...race,
        timeout: 5_000,
        signal,
        lookup: () => undefined,
      });
    keep((await loose(connect)(onceOnly({ host: "127.0.0.1", port }), ofConnect())) as Connection);
    const addresses = [onceOnly({ address: "127.0.0.1", port })];
    keep((await loose(connectTo)(addresses, ofConnect())) as Connection);
    for (let i = 0; i < 2; i++) {
      const accepted = await loose(listener.accept.bind(listener))(onceOnly({ timeout: 5_000, signal }));
      keep(accepted as Connection);
    }
    const ofResolve = { timeout: 5_000, signal, family: 4, passive: false, numericHost: true, hints: 0 };
    const found = await loose(resolve)("127.0.0.1", 80, onceOnly({ ...ofResolve, lookup: () => undefined }));
    expect(found).toEqual([{ address: "127.0.0.1", port: 80, family: 4 }]);
  });

  test("by Connection.from, lengthPrefixed, relay, the reads and close", async () => {
    const { client, server } = await pair();
    const { signal } = new AbortController();
    const adopted = keep(Connection.from(client.detach(), onceOnly(OF_CONNECTION)));
    const frames = lengthPrefixed(adopted, onceOnly({ bytes: 2, limit: 10 }));
    await frames.send("frame", onceOnly({ timeout: 5_000, signal }));
    await adopted.write("a\n", onceOnly({ encoding: "latin1", timeout: 5_000, signal }));
    await adopted.writeLine("b", onceOnly({ terminator: "\r\n", encoding: "latin1", timeout: 5_000 }));
    await adopted.write("c\nd\n");
    expect(await server.readExactly(7)).toHaveLength(7);
    expect(String(await server.readUntil("\n", onceOnly({ limit: 5, timeout: 5_000, signal })))).toBe("a");
    expect(await server.readLine(onceOnly({ limit: 5, encoding: "ascii", terminator: "crlf" }))).toBe("b");
    for await (const line of server.lines(onceOnly({ limit: 5, encoding: "ascii", signal }))) {
      expect(line).toBe("c");
      break;
    }
    for await (const chunk of server.chunks(onceOnly({ recycle: false, timeout: 5_000, signal }))) {
      expect(String(chunk)).toBe("d\n");
      break;
    }
    const { client: far, server: middle } = await pair();
    const relayed = loose(relay)(server, middle, onceOnly({ signal, idleTimeout: 5_000 }));
    await Promise.all([adopted.close(onceOnly({ timeout: 5_000, signal })), far.close()]);
    await relayed;
    expect(await far.readAll(onceOnly({ limit: 5 })).catch((error: unknown) => error)).toMatchObject({
      code: "ERR_CLOSED",
    });
  });
});
