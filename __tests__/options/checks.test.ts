import { existsSync, readdirSync } from "node:fs";
import { dirname } from "node:path";
import { inspect } from "node:util";
import {
  connect,
  connectTo,
  listen,
  NetError,
  parseEndpoint,
  resolve,
  setParameters,
  withParameters,
  type Connection,
  type Listener,
} from "../../src/index.js";
import type { ConnectionOptions } from "../../src/index.js";
import { described } from "../../src/options/described.js";
import { isPending, until } from "../support/outcomes.js";
import { closeAll, keep, loopback, netClient, pair, socketPath } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";

afterEach(closeAll);

const TYPE = "ERR_INVALID_ARG_TYPE";
const VALUE = "ERR_INVALID_ARG_VALUE";
const RANGE = "ERR_OUT_OF_RANGE";
const PORT = "ERR_SOCKET_BAD_PORT";

/** Arguments, the code of the error, and what was received, which the message describes. */
type Bad = readonly [args: readonly unknown[], code: string, received: unknown];

type Loose = Record<string, (...args: readonly unknown[]) => unknown>;

const NEGATIVE_OR_NAN = [-1, NaN, -Infinity];
const NO_NUMBERS = ["5", null, true, {}, 5n];
const NO_SIZES = [-1, 1.5, NaN, 2 ** 53];
const NO_BOOLEANS = [1, "yes", null];

/** An option with each of the values that it must not have. */
function option(
  before: readonly unknown[],
  name: string,
  values: readonly unknown[],
  code: string,
): readonly Bad[] {
  return values.map((value) => [[...before, { [name]: value }], code, value]);
}

/** Objects that have some members of an AbortSignal. */
const HALF_SIGNALS = [
  { aborted: false, addEventListener: null, removeEventListener: null },
  { aborted: false, addEventListener: () => undefined },
  new EventTarget(),
];

function badTimeout(before: readonly unknown[], name: string): readonly Bad[] {
  return [...option(before, name, NEGATIVE_OR_NAN, RANGE), ...option(before, name, NO_NUMBERS, TYPE)];
}

function badOperation(...before: readonly unknown[]): readonly Bad[] {
  return [
    ...badTimeout(before, "timeout"),
    ...option(before, "signal", [null, {}, "abort", new AbortController(), ...HALF_SIGNALS], TYPE),
    ...[null, 5, "options", true].map((options): Bad => [[...before, options], TYPE, options]),
  ];
}

/** What a connection's `keepAlive` must not be, as an object. */
const badKeepAlive: readonly Bad[] = [
  ...badTimeout([], "delay"),
  ...badTimeout([], "interval"),
  ...option([], "count", [0, -1, 1.5, NaN, 128, Infinity], RANGE),
  ...option([], "count", NO_NUMBERS, TYPE),
];

function badConnectionOptions(...before: readonly unknown[]): readonly Bad[] {
  const bad: Record<keyof ConnectionOptions, readonly Bad[]> = {
    readTimeout: badTimeout(before, "readTimeout"),
    writeTimeout: badTimeout(before, "writeTimeout"),
    lingerTimeout: badTimeout(before, "lingerTimeout"),
    bufferSize: [
      ...option(before, "bufferSize", [...NO_SIZES, Infinity], RANGE),
      ...option(before, "bufferSize", NO_NUMBERS, TYPE),
    ],
    autoCork: option(before, "autoCork", NO_BOOLEANS, TYPE),
    readAhead: [
      ...option(before, "readAhead", NO_SIZES, RANGE),
      ...option(before, "readAhead", NO_NUMBERS, TYPE),
    ],
    noDelay: option(before, "noDelay", NO_BOOLEANS, TYPE),
    keepAlive: [
      ...option(before, "keepAlive", ["yes", null, [], new Uint8Array(1)], TYPE),
      ...option(before, "keepAlive", NEGATIVE_OR_NAN, RANGE),
      ...badKeepAlive.map(([[probes], code, value]): Bad => [
        [...before, { keepAlive: probes }],
        code,
        value,
      ]),
    ],
    closeOn: option(before, "closeOn", [null, {}, "abort", new AbortController(), ...HALF_SIGNALS], TYPE),
    allowTruncation: option(before, "allowTruncation", NO_BOOLEANS, TYPE),
  };
  return Object.values(bad).flat();
}

function badConnectOptions(...before: readonly unknown[]): readonly Bad[] {
  return [
    ...badOperation(...before),
    ...badConnectionOptions(...before),
    ...badTimeout(before, "attemptDelay"),
    ...badTimeout(before, "attemptTimeout"),
    ...option(before, "family", [5, "4", null, true], VALUE),
    ...option(before, "lookup", [null, {}, "dns"], TYPE),
    ...option(before, "localAddress", [5, null, {}], TYPE),
    ...option(before, "localAddress", ["", "localhost", "1.2.3", "[::1]"], VALUE),
    ...option(before, "localPort", ["80", null], TYPE),
    ...option(before, "localPort", [-1, 65_536, 1.5, NaN, Infinity], RANGE),
  ];
}

const BAD_PORTS: readonly (readonly [port: unknown, code: string])[] = [
  ...[-1, 65_536, 1.5, NaN, Infinity, "-1", "65536", "99999999999"].map((port) => [port, PORT] as const),
  ["", VALUE],
  ...[null, undefined, true, {}, Object.create(null) as unknown].map((port) => [port, TYPE] as const),
];

const BAD_HOSTS: readonly (readonly [host: unknown, code: string])[] = [
  ...["", "a b", "localhost:80", "[::1]", "a/b", "a\0b", "::1:x"].map((host) => [host, VALUE] as const),
  ...[5, true, {}].map((host) => [host, TYPE] as const),
];

const ENDPOINT = "127.0.0.1:9";
const ADDRESS = { address: "127.0.0.1", port: 9, family: 4 };

const CONNECT: readonly Bad[] = [
  ...BAD_HOSTS.map(([host, code]): Bad => [[host, 80], code, host]),
  ...BAD_HOSTS.map(([host, code]): Bad => [[{ host, port: 80 }], code, host]),
  ...BAD_PORTS.filter(([port]) => typeof port === "number" || typeof port === "string").map(
    ([port, code]): Bad => [["127.0.0.1", port], code, port],
  ),
  ...BAD_PORTS.map(([port, code]): Bad => [[{ host: "127.0.0.1", port }], code, port]),
  ...["", "localhost", ":80", "localhost:", "a:b:c", "::1:80", "[::1]", "[]:80", "[127.0.0.1]:80", " : "].map(
    (endpoint): Bad => [[endpoint], VALUE, endpoint],
  ),
  ...[0, -0, "0", "00"].map((port): Bad => [["127.0.0.1", port], PORT, port]),
  [[{ host: "127.0.0.1", port: 0 }], PORT, 0],
  [["127.0.0.1:0"], PORT, 0],
  [["[::1]:0"], PORT, 0],
  [[new URL("redis://user:password@127.0.0.1:0")], PORT, 0],
  [["127.0.0.1:65536"], PORT, "65536"],
  [["127.0.0.1:-1"], PORT, "-1"],
  ...[42, null, undefined, true].map((endpoint): Bad => [[endpoint], TYPE, endpoint]),
  [[{}], TYPE, undefined],
  [[{ path: "" }], VALUE, ""],
  [[{ path: 5 }], TYPE, 5],
  [["127.0.0.1", true], TYPE, true],
  // Beside an endpoint, a number or a string is taken for a port, not for options.
  ...badConnectOptions(ENDPOINT).filter(([args]) => !["number", "string"].includes(typeof args[1])),
  ...badOperation("127.0.0.1", 9),
  ...badOperation(ENDPOINT, undefined),
];

const CONNECT_TO: readonly Bad[] = [
  ...[undefined, null, "127.0.0.1:80", ADDRESS].map((addresses): Bad => [[addresses], TYPE, addresses]),
  [[[]], VALUE, []],
  ...[null, "127.0.0.1", {}, { address: "localhost", port: 80 }, { address: 5, port: 80 }].map(
    (entry): Bad => [[[ADDRESS, entry]], VALUE, entry],
  ),
  [[[ADDRESS, , ADDRESS]], VALUE, undefined],
  ...BAD_PORTS.map(([port, code]): Bad => [[[{ ...ADDRESS, port }]], code, port]),
  [[[{ ...ADDRESS, port: 0 }]], PORT, 0],
  ...badConnectOptions([ADDRESS]),
];

const LISTEN: readonly Bad[] = [
  ...BAD_PORTS.filter(([, code]) => code !== TYPE).map(([port, code]): Bad => [[port], code, port]),
  ...BAD_PORTS.map(([port, code]): Bad => [[{ port }], code, port]),
  ...BAD_HOSTS.map(([host, code]): Bad => [[{ port: 0, host }], code, host]),
  ...BAD_HOSTS.map(([host, code]): Bad => [[0, { host }], code, host]),
  [[{ port: 0, host: null }], TYPE, null],
  [[{ port: 0, host: null }, { host: "127.0.0.1" }], TYPE, null],
  [[0, { host: null }], TYPE, null],
  ...[null, undefined, true].map((endpoint): Bad => [[endpoint], TYPE, endpoint]),
  [[{}], TYPE, undefined],
  [[{ path: "" }], VALUE, ""],
  [[{ path: 5 }], TYPE, 5],
  [[{ fd: "3" }], TYPE, "3"],
  ...[-1, 1.5, NaN].map((fd): Bad => [[{ fd }], RANGE, fd]),
  ...badConnectionOptions(0),
  ...badTimeout([0], "acceptTimeout"),
  ...option([0], "backlog", [-1, 1.5, NaN, Infinity, 2 ** 31], RANGE),
  ...option([0], "backlog", NO_NUMBERS, TYPE),
  ...option([0], "ipv6Only", NO_BOOLEANS, TYPE),
  ...option([0], "reusePort", NO_BOOLEANS, TYPE),
  ...option([0], "signal", [null, {}, "abort"], TYPE),
  ...[null, 5, "options"].map((options): Bad => [[0, options], TYPE, options]),
];

const RESOLVE: readonly Bad[] = [
  ...BAD_HOSTS.map(([host, code]): Bad => [[host, 80], code, host]),
  ...BAD_PORTS.map(([port, code]): Bad => [["127.0.0.1", port], code, port]),
  ...badOperation("127.0.0.1", 80),
  ...option(["127.0.0.1", 80], "family", [5, "4", null], VALUE),
  ...option(["127.0.0.1", 80], "passive", NO_BOOLEANS, TYPE),
  ...option(["127.0.0.1", 80], "numericHost", NO_BOOLEANS, TYPE),
  ...option(["127.0.0.1", 80], "hints", [null, "ALL"], TYPE),
  ...option(["127.0.0.1", 80], "hints", [-1, 1.5, 1], VALUE),
  ...option(["127.0.0.1", 80], "lookup", [null, {}], TYPE),
];

function shown(args: readonly unknown[]): string {
  return args.map((each) => inspect(each, { depth: 2, breakLength: Infinity })).join(", ");
}

function named(cases: readonly Bad[]): { what: string; bad: Bad }[] {
  return cases.map((bad) => ({ what: shown(bad[0]), bad }));
}

/** What a call throws at once, or what the promise that it returns rejects with. */
async function refusal(call: () => unknown): Promise<{ error: unknown; thrown: boolean }> {
  let returned: unknown;
  try {
    returned = call();
  } catch (error) {
    return { error, thrown: true };
  }
  if (!(returned instanceof Promise)) throw new Error(`returned ${String(returned)}`);
  const error: unknown = await returned.then(
    (value: unknown) => {
      throw new Error(`resolved to ${String(value)}`);
    },
    (reason: unknown) => reason,
  );
  return { error, thrown: false };
}

/** Asserts that an error is of the class that its code stands for, names what was received, and shows the caller. */
function expectRefused(error: unknown, [, code, received]: Bad): void {
  expect(error).toMatchObject({ code });
  expect((error as Error).stack).toContain(`at ${refusal.name} `);
  expect(error).toBeInstanceOf(code === RANGE || code === PORT ? RangeError : TypeError);
  const { message } = error as Error;
  expect(message).toContain(`received ${described(code === PORT ? Number(received) : received)}`);
}

describe("functions that return a promise reject, and leave nothing behind", () => {
  const loose = { connect, connectTo, listen, resolve } as unknown as Loose;

  describe.each([
    ["connect", CONNECT],
    ["connectTo", CONNECT_TO],
    ["listen", LISTEN],
    ["resolve", RESOLVE],
  ])("%s", (name, cases) => {
    test.each(named(cases))(`${name}($what)`, async ({ bad }) => {
      const { error, thrown } = await refusal(() => loose[name]?.(...bad[0]));
      expectRefused(error, bad);
      expect(thrown).toBe(false);
    });

    test("nothing is open afterwards", async () => {
      await expect(nothingLeft()).resolves.toBeUndefined();
    });
  });

  test("the port 0, which is for listen, says where the port is that it got", async () => {
    const { error } = await refusal(() => connect("127.0.0.1", 0));
    expect((error as Error).message).toBe(
      '"port" must be a whole number from 1 to 65535 (0 is for listen: connect to its listener.port); received 0',
    );
    expect(parseEndpoint("127.0.0.1:0")).toEqual({ host: "127.0.0.1", port: 0 });
    expect(await resolve("127.0.0.1", 0)).toEqual([{ address: "127.0.0.1", port: 0, family: 4 }]);
  });

  test.each([
    [() => connect("127.0.0.1", "no-such-service"), "no-such-service"],
    [() => connect("127.0.0.1:1e3"), "1e3"],
    [() => connect("127.0.0.1:0x50"), "0x50"],
    [() => listen("no-such-service"), "no-such-service"],
    [() => listen("80 "), "80 "],
    [() => resolve("127.0.0.1", "+80"), "+80"],
    [
      () => connectTo([{ address: "127.0.0.1", port: "no-such-service" as unknown as number, family: 4 }]),
      "",
    ],
  ])("an unknown service is a NetError EAI_SERVICE that names it (%#)", async (call, name) => {
    const { error, thrown } = await refusal(call);
    expect(thrown).toBe(false);
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({ code: "EAI_SERVICE", operation: "resolve" });
    expect((error as Error).message).toContain(name);
    expect((error as Error).stack).toContain(`at ${refusal.name} `);
  });

  describe("a path that the system would cut short is refused", () => {
    test("one with a NUL inside", async () => {
      const path = socketPath();
      const listener = keep(await listen({ path }));
      const connecting = connect({ path: `${path}\0else` }).then(keep);
      await expect(connecting).rejects.toMatchObject({ code: expect.stringMatching(/^E/) as string });
      expect(listener.pending).toBe(0);
    });

    test("one with a NUL inside to listen on", async () => {
      const path = socketPath();
      const listening = listen({ path: `${path}\0else` }).then(keep);
      await expect(listening).rejects.toMatchObject({ code: expect.stringMatching(/^E/) as string });
      expect(existsSync(path)).toBe(false);
    });

    test("one that is too long", async () => {
      const path = socketPath();
      const listening = listen({ path: path + "x".repeat(200) }).then(keep);
      await expect(listening).rejects.toMatchObject({ code: expect.stringMatching(/^E/) as string });
      expect(readdirSync(dirname(path))).toEqual([]);
    });
  });
});

describe("accept", () => {
  test.each(named(badOperation()))("accept($what)", async ({ bad }) => {
    const listener: Listener = await loopback();
    const waiting = await netClient(listener.port);
    await until(() => listener.pending === 1);
    const { error, thrown } = await refusal(() => (listener as unknown as Loose)["accept"]?.(...bad[0]));
    expectRefused(error, bad);
    expect(thrown).toBe(false);
    expect(listener.pending).toBe(1);
    expect(keep(await listener.accept()).remotePort).toBe(waiting.localPort);
  });
});

describe("parameters: an error is thrown, and nothing is set", () => {
  const values: readonly Bad[] = [
    ...[
      "readTimeout",
      "writeTimeout",
      "lingerTimeout",
      "connectTimeout",
      "attemptTimeout",
      "acceptTimeout",
    ].flatMap((name) => badTimeout([], name)),
    ...option([], "bufferSize", [...NO_SIZES, Infinity], RANGE),
    ...option([], "bufferSize", NO_NUMBERS, TYPE),
    ...option([], "ipv6Only", NO_BOOLEANS, TYPE),
    ...[undefined, null, 5, "readTimeout"].map((given): Bad => [[given], TYPE, given]),
  ];

  test.each(named(values))("$what", async ({ bad }) => {
    const set = await refusal(() => (setParameters as (given: unknown) => unknown)(bad[0][0]));
    expectRefused(set.error, bad);
    let ran = false;
    const scoped = await refusal(() =>
      (withParameters as (given: unknown, body: () => void) => unknown)(bad[0][0], () => {
        ran = true;
      }),
    );
    expectRefused(scoped.error, bad);
    expect([set.thrown, scoped.thrown, ran]).toEqual([true, true, false]);
  });

  test.each([undefined, null, 5, Promise.resolve()])("a body that is no function (%p)", async (body) => {
    const { error, thrown } = await refusal(() => withParameters({}, body as unknown as () => void));
    expectRefused(error, [[], TYPE, body]);
    expect(thrown).toBe(true);
  });
});

describe("a connection and its bytes are untouched", () => {
  const rejecting: Readonly<Record<string, readonly Bad[]>> = {
    read: badOperation(),
    readInto: [
      ...[undefined, null, 5, "target", [1], new DataView(new ArrayBuffer(1))].map((target): Bad => [
        [target],
        TYPE,
        target,
      ]),
      ...badOperation(Buffer.alloc(1)),
    ],
    readExactly: [
      ...[undefined, ...NO_NUMBERS].map((size): Bad => [[size], TYPE, size]),
      ...[...NO_SIZES, Infinity].map((size): Bad => [[size], RANGE, size]),
      ...badOperation(1),
    ],
    readUntil: [
      ...[undefined, null, 5].map((delimiter): Bad => [[delimiter], TYPE, delimiter]),
      [[[10]], TYPE, 10],
      [[[]], VALUE, []],
      [[["\n", ""]], VALUE, ""],
      [[""], VALUE, ""],
      [[new Uint8Array()], VALUE, new Uint8Array()],
      ...option(["\n"], "limit", NO_SIZES, RANGE),
      ...option(["\n"], "limit", NO_NUMBERS, TYPE),
      ...badOperation("\n"),
    ],
    readUntilAny: [
      ...[undefined, null, 5, "text", Buffer.from("\n")].map((given): Bad => [[given], TYPE, given]),
      [[[10]], TYPE, 10],
      [[[]], VALUE, []],
      [[["\n", ""]], VALUE, ""],
      ...option([["\n"]], "limit", NO_SIZES, RANGE),
      ...option([["\n"]], "limit", NO_NUMBERS, TYPE),
      ...badOperation(["\n"]),
    ],
    readLine: [
      ...option([], "limit", NO_SIZES, RANGE),
      ...option([], "limit", NO_NUMBERS, TYPE),
      ...option([], "encoding", [5, null, "utf16le", "base64", "klingon"], VALUE),
      ...option([], "terminator", [5, null, "", "\n", "CRLF"], VALUE),
      ...badOperation(),
    ],
    peek: [
      ...[undefined, ...NO_NUMBERS].map((size): Bad => [[size], TYPE, size]),
      ...[...NO_SIZES, Infinity].map((size): Bad => [[size], RANGE, size]),
      ...badOperation(1),
    ],
    readAll: [
      ...option([], "limit", NO_SIZES, RANGE),
      ...option([], "limit", NO_NUMBERS, TYPE),
      ...badOperation(),
    ],
    write: [
      ...[undefined, null, 5, true, {}, new Map()].map((data): Bad => [[data], TYPE, data]),
      ...[undefined, null, 5, ["nested"]].map((part): Bad => [[["fine", part]], TYPE, part]),
      ...option(["data"], "encoding", [5, null, "ascii", "utf-8", "hex"], VALUE),
      ...badOperation("data"),
    ],
    writeLine: [
      ...[undefined, null, 5, Buffer.from("line")].map((line): Bad => [[line], TYPE, line]),
      ...option(["line"], "encoding", [5, null, "ascii", "utf-8", "hex"], VALUE),
      ...option(["line"], "terminator", ["", "lf", "crlf", "cr", "any"], VALUE),
      ...option(["line"], "terminator", [5, null, Buffer.from("\n")], TYPE),
      ...badOperation("line"),
    ],
    flush: badOperation(),
    closeWrite: badOperation(),
    close: badOperation(),
  };

  const throwing: Readonly<Record<string, readonly Bad[]>> = {
    lines: [
      ...option([], "limit", NO_SIZES, RANGE),
      ...option([], "limit", NO_NUMBERS, TYPE),
      ...option([], "encoding", ["utf16le", 5], VALUE),
      ...option([], "terminator", ["\r\n", 5], VALUE),
      ...badOperation(),
    ],
    split: [
      [[5], TYPE, 5],
      [[""], VALUE, ""],
      [[[]], VALUE, []],
      ...option(["\n"], "limit", NO_SIZES, RANGE),
      ...option(["\n"], "last", NO_BOOLEANS, TYPE),
      ...badOperation("\n"),
    ],
    unread: [undefined, null, 5, {}].map((bytes): Bad => [[bytes], TYPE, bytes]),
    chunks: [...option([], "recycle", NO_BOOLEANS, TYPE), ...badOperation()],
    abandon: [undefined, null, "both", 5].map((side): Bad => [[side], VALUE, side]),
    setNoDelay: NO_BOOLEANS.map((on): Bad => [[on], TYPE, on]),
    setKeepAlive: [
      ...NO_BOOLEANS.map((on): Bad => [[on], TYPE, on]),
      ...NEGATIVE_OR_NAN.map((delay): Bad => [[true, delay], RANGE, delay]),
      ...NO_NUMBERS.map((delay): Bad => [[true, delay], TYPE, delay]),
      ...badKeepAlive,
      [[{}, 5], TYPE, {}],
    ],
  };

  async function expectUntouched(method: string, cases: readonly Bad[], throws: boolean): Promise<void> {
    const { client, server } = await pair();
    await client.write("unread\n");
    await until(() => server.readableLength === 7);
    for (const bad of cases) {
      const { error, thrown } = await refusal(() => (server as unknown as Loose)[method]?.(...bad[0]));
      try {
        expectRefused(error, bad);
        expect(thrown).toBe(throws);
      } catch (failure) {
        throw new Error(`${method}(${shown(bad[0])})`, { cause: failure });
      }
    }
    expect(server).toMatchObject({ readableLength: 7, writableLength: 0, bytesWritten: 0 });
    expect(await isPending(server.closed)).toBe(true);
    await expectWorks(client, server);
  }

  async function expectWorks(client: Connection, server: Connection): Promise<void> {
    expect(await server.readLine()).toBe("unread");
    await server.writeLine("the first bytes to come");
    expect(await client.readLine()).toBe("the first bytes to come");
    await client.closeWrite();
    expect(await server.read()).toBeNull();
    await server.close();
    expect(await client.read()).toBeNull();
  }

  test.each(Object.keys(rejecting))("%s rejects", async (method) => {
    await expectUntouched(method, rejecting[method] ?? [], false);
  });

  test.each(Object.keys(throwing))("%s throws", async (method) => {
    await expectUntouched(method, throwing[method] ?? [], true);
  });

  test("and so is a read that waits", async () => {
    const { client, server } = await pair();
    const reading = server.readLine();
    for (const [method, cases] of Object.entries(rejecting)) {
      for (const [args] of cases.slice(0, 3)) {
        await refusal(() => (server as unknown as Loose)[method]?.(...args));
      }
    }
    await client.writeLine("it came");
    expect(await reading).toBe("it came");
  });
});

test("a call that is refused keeps no listener on its signal", async () => {
  const { signal } = new AbortController();
  const { server } = await pair();
  for (const call of [
    () => connect("127.0.0.1", 80, { signal, timeout: -1 }),
    () => connect("127.0.0.1", 65_536, { signal }),
    () => listen(-1, { signal }),
    () => resolve("", 80, { signal }),
    () => server.readExactly(-1, { signal }),
    () => server.write(5 as unknown as string, { signal }),
  ]) {
    await expect(call()).rejects.toThrow();
  }
  expect(listenersOf(signal)).toBe(0);
});
