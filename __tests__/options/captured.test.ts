/**
 * Each option of a connection, wherever the connection comes from: the option is in force if it is given, or else the
 * parameter, or else the default. What happens to the options and the parameters afterwards changes nothing.
 */
import { spawnSync } from "node:child_process";
import type { Duplex } from "node:stream";
import {
  connect,
  connectDuplex,
  Connection,
  connectTo,
  getParameters,
  listen,
  setParameters,
  type ConnectionOptions,
  type ListenEndpoint,
  type ListenOptions,
  type NetParameters,
} from "../../src/index.js";
import { linkOf } from "../../src/connection.js";
import { memoryPair } from "../../src/testing/index.js";
import { duplexesInMemory, socketPair } from "../support/adopted-pairs.js";
import { isPending, timeoutError, turn, until } from "../support/outcomes.js";
import { closeAll, keep, netClient, socketPath } from "../support/peers.js";
import { describeWherePossible } from "../support/where-possible.js";

const DEFAULTS = getParameters();
afterEach(() => setParameters(DEFAULTS));
afterEach(closeAll);

/** A connection, and the other end. */
type Pair = readonly [connection: Connection, peer: Connection];

/** Makes a connection by one way; `spoil` is called as soon as the connection has captured what it may. */
type Way = (options: ConnectionOptions, spoil: () => void) => Promise<Pair>;

const LOOPBACK: ListenEndpoint = { host: "127.0.0.1", port: 0 };

async function listenOn(at: ListenEndpoint, options?: ListenOptions) {
  return keep(await listen(at, options));
}

/** A connection that is made by a call to a listener of its own. */
function connecting(call: (port: number, options: ConnectionOptions) => Promise<Connection>): Way {
  return async (options, spoil) => {
    const listener = await listenOn(LOOPBACK);
    const made = call(listener.port, options);
    spoil();
    return [keep(await made), keep(await listener.accept())];
  };
}

/** A connection that a listener with these options has accepted. The parameters are read when it is asked for. */
function accepting(
  accept: (listener: Awaited<ReturnType<typeof listenOn>>) => Promise<Connection>,
  place = (): ListenEndpoint => LOOPBACK,
): Way {
  return async (options, spoil) => {
    const at = place();
    const listener = await listenOn(at, options);
    const accepted = accept(listener);
    spoil();
    const peer = keep(
      await connect(typeof at === "string" ? at : { host: "127.0.0.1", port: listener.port }),
    );
    return [keep(await accepted), peer];
  };
}

function adopting(make: () => Promise<[Duplex, Duplex]>): Way {
  return async (options, spoil) => {
    const [stream, other] = await make();
    const connection = keep(Connection.from(stream, options));
    spoil();
    return [connection, keep(Connection.from(other))];
  };
}

const OVER_TCP: Readonly<Record<string, Way>> = {
  "connect(host, port)": connecting((port, options) => connect("127.0.0.1", port, options)),
  "connect(endpoint)": connecting((port, options) => connect(`127.0.0.1:${String(port)}`, options)),
  connectTo: connecting((port, options) => connectTo([{ address: "127.0.0.1", port, family: 4 }], options)),
  connectDuplex: connecting((port, options) => connectDuplex("127.0.0.1", port, options).connection),
  "accept()": accepting((listener) => listener.accept()),
  "accept() of a client that waits": async (options, spoil) => {
    const listener = await listenOn(LOOPBACK, options);
    const peer = keep(await connect("127.0.0.1", listener.port));
    await until(() => listener.pending === 1);
    const accepted = listener.accept();
    spoil();
    return [keep(await accepted), peer];
  },
  "a loop over a listener": accepting(async (listener) => {
    const next = await listener[Symbol.asyncIterator]().next();
    return next.value as Connection;
  }),
  "Connection.from(socket)": adopting(socketPair),
};

const WAYS: Readonly<Record<string, Way>> = {
  ...OVER_TCP,
  "connect(path)": async (options, spoil) => {
    const path = socketPath();
    const listener = await listenOn({ path });
    const made = connect({ path }, options);
    spoil();
    return [keep(await made), keep(await listener.accept())];
  },
  "accept() on a path": accepting((listener) => listener.accept(), socketPath),
  "Connection.from(duplex)": adopting(duplexesInMemory),
  memoryPair: (options, spoil) => {
    const [near, far] = memoryPair(options);
    spoil();
    return Promise.resolve([keep(near), keep(far)]);
  },
};

interface Row<T> {
  readonly given: T;
  /** What is seen of a connection that has {@link Row.given}. */
  readonly seen: unknown;
  /** The same of the parameter, of an option that has one. */
  readonly parameter?: { readonly value: T; readonly seen: unknown };
  /** What is seen of the default, where that can be seen without waiting. */
  readonly byDefault?: unknown;
  /** What the options are changed to afterwards. */
  readonly other: T;
  readonly look: (pair: Pair) => Promise<unknown>;
}

type Table = {
  readonly [Name in keyof Required<ConnectionOptions>]:
    Row<ConnectionOptions[Name]> | "of the kernel" | "of TLS";
};

const MUCH = Buffer.alloc(32 * 1024 * 1024);

let closing: AbortController;
beforeEach(() => {
  closing = new AbortController();
});

/** How many bytes are gathered before they are sent. */
async function gathered([connection]: Pair): Promise<number> {
  for (let count = 1; ; count++) {
    await connection.write("x");
    if (connection.writableLength === 0) return count;
  }
}

/** How many bytes are read of one that the peer sends. */
async function readAhead([connection, peer]: Pair): Promise<number> {
  await peer.write("x");
  for (let turns = 0; turns < 10; turns++) await turn();
  return connection.bytesRead;
}

const table: Table = {
  readTimeout: {
    given: 11,
    seen: 11,
    parameter: { value: 12, seen: 12 },
    other: 13,
    look: async ([connection]) => (await timeoutError(connection.read())).timeout,
  },
  writeTimeout: {
    given: 14,
    seen: 14,
    parameter: { value: 15, seen: 15 },
    other: 16,
    look: async ([connection]) => (await timeoutError(connection.write(MUCH))).timeout,
  },
  lingerTimeout: {
    given: 17,
    seen: 17,
    parameter: { value: 18, seen: 18 },
    byDefault: 2_000,
    other: 19,
    look: ([connection]) => Promise.resolve(linkOf(connection).lingerTimeout),
  },
  bufferSize: {
    given: 5,
    seen: 5,
    parameter: { value: 7, seen: 7 },
    byDefault: 1,
    other: 9,
    look: gathered,
  },
  autoCork: {
    given: true,
    seen: true,
    byDefault: false,
    other: false,
    look: ([connection]) => Promise.resolve(linkOf(connection).output.autoCork),
  },
  readAhead: { given: 0, seen: 0, byDefault: 1, other: 1, look: readAhead },
  closeOn: {
    // Another one for each test: see below.
    given: undefined,
    seen: "closed",
    byDefault: "open",
    other: undefined,
    look: async ([connection]) => {
      closing.abort();
      return (await isPending(connection.closed)) ? "open" : "closed";
    },
  },
  noDelay: "of the kernel",
  keepAlive: "of the kernel",
  allowTruncation: "of TLS",
};

/** Makes a connection by `way`, and then changes the options that it was given, and the parameters. */
function made(way: Way, options: ConnectionOptions, other: ConnectionOptions): Promise<Pair> {
  return way(options, () => {
    Object.assign(options, other);
    setParameters({ readTimeout: 91, writeTimeout: 92, lingerTimeout: 93, bufferSize: 94 });
  });
}

const rows = Object.entries(table).flatMap(([name, row]): [string, Row<unknown>][] =>
  typeof row === "string" ? [] : [[name, row as Row<unknown>]],
);

describe.each(Object.entries(WAYS))("%s captures", (by, way) => {
  test.each(rows)("%s", async (name, { given, seen, parameter, byDefault, other, look }) => {
    const isSignal = name === "closeOn";
    const option = { [name]: isSignal ? closing.signal : given };
    const changed = { [name]: isSignal ? new AbortController().signal : other };
    const inForce = parameter === undefined ? {} : ({ [name]: parameter.value } as Partial<NetParameters>);

    setParameters(inForce);
    expect(await look(await made(way, option, changed))).toBe(seen);

    // The reads of a Duplex that stands for a socket wait forever, as those of a socket do, unless it is told otherwise.
    const isWithout = by === "connectDuplex" && name === "readTimeout";
    if (parameter !== undefined && !isWithout) {
      setParameters({ ...DEFAULTS, ...inForce });
      expect(await look(await made(way, {}, changed))).toBe(parameter.seen);
      setParameters({ ...DEFAULTS, ...inForce });
      expect(await look(await made(way, { [name]: undefined }, changed))).toBe(parameter.seen);
    }
    if (byDefault !== undefined) {
      setParameters(DEFAULTS);
      expect(await look(await made(way, {}, isSignal ? {} : changed))).toBe(byDefault);
    }
  });
});

const PROGRAM = `use Socket qw(:all);
open(my $socket, "+<&=", 3) or die $!;
for ([6, 1], [SOL_SOCKET, SO_KEEPALIVE], [6, 4]) {
  print unpack("i", getsockopt($socket, $$_[0], $$_[1])), " ";
}`;

/** TCP_NODELAY, SO_KEEPALIVE and TCP_KEEPIDLE of a connection, as Linux numbers them. */
function inKernel({ fd }: Connection): number[] {
  const { stdout } = spawnSync("perl", ["-e", PROGRAM], {
    stdio: ["ignore", "pipe", "inherit", fd],
  });
  return String(stdout).trim().split(" ").map(Number);
}

const isLinux = process.platform === "linux" && spawnSync("perl", ["-v"]).status === 0;

describeWherePossible("the kernel is told", isLinux ? undefined : "not Linux, or no perl", () => {
  const SYSTEM_DELAY = 7_200;

  describe.each(Object.entries(OVER_TCP))("by %s", (_, way) => {
    test.each<readonly [ConnectionOptions, readonly number[]]>([
      [{}, [1, 0, SYSTEM_DELAY]],
      [{ noDelay: false }, [0, 0, SYSTEM_DELAY]],
      [{ noDelay: true, keepAlive: true }, [1, 1, SYSTEM_DELAY]],
      [{ noDelay: false, keepAlive: 5_000 }, [0, 1, 5]],
      [{ keepAlive: { delay: 6_000 } }, [1, 1, 6]],
      [{ keepAlive: false }, [1, 0, SYSTEM_DELAY]],
    ])("%j", async (options, expected) => {
      const other = { noDelay: options.noDelay === false, keepAlive: options.keepAlive === undefined };
      const given = structuredClone(options);
      const [connection] = await made(way, given, other);
      expect(inKernel(connection)).toEqual(expected);
    });
  });

  test("what an adopted socket has had otherwise", async () => {
    const listener = await listenOn(LOOPBACK);
    const tuned = async (options: ConnectionOptions) => {
      const socket = await netClient(listener.port);
      socket.setNoDelay(true).setKeepAlive(true, 5_000);
      return inKernel(keep(Connection.from(socket, options)));
    };
    expect(await tuned({})).toEqual([1, 1, 5]);
    expect(await tuned({ noDelay: false })).toEqual([0, 1, 5]);
    expect((await tuned({ noDelay: true, keepAlive: false })).slice(0, 2)).toEqual([1, 0]);
  });
});

test("a Duplex that has the settings of a socket is told of them", async () => {
  const [stream] = await duplexesInMemory();
  const told: unknown[] = [];
  const settable = Object.assign(stream, {
    setNoDelay: (on: boolean) => told.push(["noDelay", on]),
    setKeepAlive: (on: boolean, delay: number) => told.push(["keepAlive", on, delay]),
  });
  keep(Connection.from(settable, { noDelay: false, keepAlive: 5_000 }));
  expect(told).toEqual([
    ["noDelay", false],
    ["keepAlive", true, 5_000],
  ]);
});
