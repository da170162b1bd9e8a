import type { Duplex } from "node:stream";
import {
  Connection,
  connect,
  connectTo,
  formatEndpoint,
  lengthPrefixed,
  listen,
  parseEndpoint,
  relay,
  resolve,
} from "../../src/index.js";
import { CONNECTION } from "../../src/options/connection.js";
import { setParameters, withParameters } from "../../src/index.js";
import { closeAll, loopback, pair } from "../support/peers.js";

afterEach(closeAll);

const SECRET = "hunter2";

/** One secret in each kind of value that a caller may pass by mistake. */
const GIVEN: readonly (readonly [what: string, value: unknown])[] = [
  ["a string", `the password is ${SECRET}`],
  ["a string without spaces", `redis://user:${SECRET}@localhost:1`],
  ["a long string", SECRET.repeat(1_000)],
  ["an object", { password: SECRET, [Symbol.toStringTag]: SECRET }],
  ["an object that answers for its text", { toString: () => SECRET, inspect: () => SECRET }],
  ["an array", [SECRET]],
  ["a Buffer", Buffer.from(SECRET)],
  ["a Uint8Array", new TextEncoder().encode(SECRET)],
  ["a URL", new URL(`redis://user:${SECRET}@localhost:1`)],
  ["a URL of a protocol without a service", new URL(`x://user:${SECRET}@localhost/${SECRET}?${SECRET}`)],
  ["a URL of a protocol that is refused", new URL(`tls://user:${SECRET}@localhost:1`)],
  ["a URL without a host", new URL(`unix:/run/${SECRET}`)],
  ["a URL with a host that is none", new URL(`x://user%3A${SECRET}%40localhost:1`)],
  ["a function", Object.assign(() => SECRET, { password: SECRET })],
  ["a symbol", Symbol(SECRET)],
  ["an Error", new Error(SECRET)],
  ["a Proxy", new Proxy({ password: SECRET }, {})],
];

/** The secret as text, and as Node shows the bytes of it. */
const SHOWN = new RegExp(
  [SECRET, Buffer.from(SECRET).toString("hex").match(/../g)?.join("[ ,]*") ?? ""].join("|"),
);

/** What a call says, whether it throws or rejects; one that succeeds says nothing. */
async function said(call: () => unknown): Promise<string | undefined> {
  try {
    const result = await call();
    if (result instanceof Connection) result.reset();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

type Loose = (...args: readonly unknown[]) => unknown;

function loose(call: unknown): Loose {
  return call as Loose;
}

interface Call {
  readonly what: string;
  readonly call: (value: unknown) => unknown;
}

const OPERATION = ["timeout", "signal"];
const OF_CONNECTIONS = CONNECTION.names;
const OF_CONNECT = ["family", "lookup", "attemptDelay", "attemptTimeout", "localAddress", "localPort"];
const OF_LISTEN = ["host", "backlog", "ipv6Only", "reusePort", "acceptTimeout", "signal"];
const OF_RESOLVE = ["family", "passive", "numericHost", "hints", "lookup"];

function withOptions(what: string, call: (options: unknown) => unknown, names: readonly string[]): Call[] {
  return [
    { what: `${what}, as its options`, call },
    ...names.map((name) => ({ what: `${what}, ${name}`, call: (value: unknown) => call({ [name]: value }) })),
  ];
}

/** Calls of what needs no connection, each with the value in another place. */
const CALLS: readonly Call[] = [
  { what: "connect, as the endpoint", call: (value) => loose(connect)(value) },
  { what: "connect, as the host", call: (value) => loose(connect)(value, 1) },
  { what: "connect, as the host in an object", call: (value) => loose(connect)({ host: value, port: 1 }) },
  {
    what: "connect, as the port in an object",
    call: (value) => loose(connect)({ host: "::1", port: value }),
  },
  {
    what: "connect, as the path",
    call: (value) => loose(connect)({ path: `\0${typeof value}\0`, value }),
  },
  ...withOptions("connect", (options) => loose(connect)("127.0.0.1", 1, options), [
    ...OPERATION,
    ...OF_CONNECTIONS,
    ...OF_CONNECT,
  ]),
  ...withOptions("keepAlive", (keepAlive) => loose(connect)("127.0.0.1", 1, { keepAlive }), [
    "delay",
    "interval",
    "count",
  ]),
  { what: "connectTo, as the addresses", call: (value) => loose(connectTo)(value) },
  { what: "connectTo, as an address", call: (value) => loose(connectTo)([value]) },
  { what: "connectTo, in an address", call: (value) => loose(connectTo)([{ address: value, port: 1 }]) },
  {
    what: "connectTo, as a port",
    call: (value) => loose(connectTo)([{ address: "127.0.0.1", port: value }]),
  },
  { what: "parseEndpoint", call: (value) => loose(parseEndpoint)(value) },
  { what: "formatEndpoint", call: (value) => loose(formatEndpoint)(value) },
  { what: "formatEndpoint, as the host", call: (value) => loose(formatEndpoint)({ host: value, port: 1 }) },
  {
    what: "formatEndpoint, as the port",
    call: (value) => typeof value === "string" || loose(formatEndpoint)({ host: "::1", port: value }),
  },
  { what: "listen, as the host in an object", call: (value) => loose(listen)({ host: value, port: -1 }) },
  { what: "listen, as the descriptor", call: (value) => loose(listen)({ fd: value }) },
  ...withOptions("listen", (options) => loose(listen)(-1, options), [...OF_CONNECTIONS, ...OF_LISTEN]),
  { what: "resolve, as the host", call: (value) => loose(resolve)(value, -1) },
  ...withOptions("resolve", (options) => loose(resolve)("127.0.0.1", 1, options), [
    ...OPERATION,
    ...OF_RESOLVE,
  ]),
  {
    what: "resolve, as the answer of a lookup",
    call: (value) =>
      loose(resolve)("a.test", 1, { lookup: (_: string, __: object, answer: Loose) => answer(null, value) }),
  },
  {
    what: "resolve, as an address that a lookup answers",
    call: (value) =>
      loose(resolve)("a.test", 1, {
        lookup: (_: string, __: object, answer: Loose) => answer(null, [{ address: value, family: 4 }]),
      }),
  },
  { what: "setParameters", call: (value) => loose(setParameters)(value) },
  { what: "setParameters, as a value", call: (value) => loose(setParameters)({ readTimeout: value }) },
  {
    what: "withParameters, as the body",
    call: (value) => typeof value === "function" || loose(withParameters)({}, value),
  },
  { what: "lengthPrefixed", call: (value) => loose(lengthPrefixed)(value) },
  { what: "relay", call: (value) => loose(relay)(value, value) },
  { what: "Connection.from", call: (value) => loose((stream: Duplex) => Connection.from(stream))(value) },
];

test.each(CALLS)("$what: the message does not repeat what was given", async ({ call }) => {
  const messages = await Promise.all(
    GIVEN.map(async ([what, value]) => [what, await said(() => call(value))] as const),
  );
  expect(messages.filter(([, message]) => message !== undefined).length).toBeGreaterThan(GIVEN.length / 3);
  for (const [what, message] of messages) expect(`${what}: ${message ?? ""}`).not.toMatch(SHOWN);
});

test("neither do those of a connection and a listener", async () => {
  const listener = await loopback();
  const { client, server } = await pair();
  await server.write("unread\n");
  const rejecting: Call[] = [
    {
      what: "readInto",
      call: (value) => value instanceof Uint8Array || loose(client.readInto.bind(client))(value),
    },
    { what: "readExactly", call: (value) => loose(client.readExactly.bind(client))(value) },
    {
      what: "readUntil",
      call: (value) =>
        typeof value === "string" ||
        value instanceof Uint8Array ||
        loose(client.readUntil.bind(client))(value),
    },
    ...withOptions("readLine", (options) => loose(client.readLine.bind(client))(options), [
      ...OPERATION,
      "limit",
      "encoding",
    ]),
    ...withOptions("lines", (options) => loose(client.lines.bind(client))(options), [
      ...OPERATION,
      "limit",
      "encoding",
    ]),
    ...withOptions("chunks", (options) => loose(client.chunks.bind(client))(options), [
      ...OPERATION,
      "recycle",
    ]),
    ...withOptions("write", (options) => loose(client.write.bind(client))("x", options), OPERATION),
    { what: "write, a list", call: (value) => loose(client.write.bind(client))([[value]]) },
    {
      what: "writeLine",
      call: (value) => typeof value === "string" || loose(client.writeLine.bind(client))(value),
    },
    ...withOptions("flush", (options) => loose(client.flush.bind(client))(options), OPERATION),
    ...withOptions(
      "accept",
      (options) => loose(listener.accept.bind(listener))(options, { timeout: 0 }),
      OPERATION,
    ),
    ...withOptions("relay", (options) => loose(relay)(client, server, options), ["signal", "idleTimeout"]),
    ...withOptions("lengthPrefixed", (options) => loose(lengthPrefixed)(client, options), ["bytes", "limit"]),
    { what: "abandon", call: (value) => loose(client.abandon.bind(client))(value) },
    { what: "setNoDelay", call: (value) => loose(client.setNoDelay.bind(client))(value) },
    { what: "setKeepAlive", call: (value) => loose(client.setKeepAlive.bind(client))(true, value) },
  ];
  let refusals = 0;
  for (const { what, call } of rejecting) {
    for (const [of, value] of GIVEN.filter(([name]) => name !== "an Error")) {
      const message = await said(() => call(value));
      if (message !== undefined) refusals++;
      expect(`${what}, ${of}: ${message ?? ""}`).not.toMatch(SHOWN);
    }
  }
  expect(refusals).toBeGreaterThan(rejecting.length * 2);
});

test("a socket that is taken for a connection is named, not shown", async () => {
  const { client } = await pair();
  expect(await said(() => loose(lengthPrefixed)(client.socket))).toBe(
    '"connection" must be a Connection (Connection.from makes one of a socket); received an object (StreamSocket)',
  );
});
