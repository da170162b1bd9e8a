import { once } from "node:events";
import { BlockList, connect as netConnect, type Socket } from "node:net";
import {
  connect,
  listen,
  NetError,
  type Connection,
  type Listener,
  type RefusedEvent,
} from "../../src/index.js";
import { isBlocked } from "../../src/accept/limits.js";
import { Addresses } from "../../src/address/addresses.js";
import { switchOff } from "../../src/core/transport/node-internals.js";
import { until } from "../support/outcomes.js";
import { closeAll, endOf, endOfClient, keep, loopback, netClient, socketPath } from "../support/peers.js";
import { SELF_SIGNED } from "../support/certificates.js";
import { notedRefusals } from "../support/refusals.js";

const events = notedRefusals();

afterEach(async () => {
  switchOff();
  await closeAll();
});

const capabilities = [
  ["", []],
  [", where Node accepts the clients", ["acceptsHandles"]],
] as const;

/** The next client, once it is accepted. */
async function accepted(
  listener: Listener & { port: number },
): Promise<{ client: Socket; server: Connection }> {
  const client = await netClient(listener.port);
  return { client, server: keep(await listener.accept()) };
}

describe.each(capabilities)("maxConnections%s", (_, off) => {
  beforeEach(() => switchOff(...off));

  test("bounds the connections that are open: those that wait and those that were accepted", async () => {
    const listener = await loopback({ maxConnections: 3 });
    expect(listener.connections).toBe(0);
    const { server } = await accepted(listener);
    await netClient(listener.port);
    await netClient(listener.port);
    await until(() => listener.pending === 2);
    expect(listener.connections).toBe(3);
    expect(await endOfClient(listener.port)).toBe("ECONNRESET");
    expect(listener.connections).toBe(3);
    expect(listener.stats).toMatchObject({
      accepted: 1,
      open: 1,
      dropped: 0,
      refused: { maxConnections: 1 },
    });
    server.reset();
    await server.closed;
    expect(listener.connections).toBe(2);
    await netClient(listener.port);
    await until(() => listener.pending === 3);
    expect(listener.stats.refused.maxConnections).toBe(1);
  });

  test("counts a connection until it is closed, whether the peer or the program closes it", async () => {
    const listener = await loopback({ maxConnections: 1 });
    const one = await accepted(listener);
    one.client.destroy();
    expect(await one.server.read()).toBe(null);
    expect(listener.connections).toBe(1);
    expect(await endOfClient(listener.port)).toBe("ECONNRESET");
    await one.server.close();
    expect(listener.connections).toBe(0);
    const two = await accepted(listener);
    two.server.socket.destroy();
    await two.server.closed;
    expect(listener.connections).toBe(0);
  });

  test("counts a detached socket until it closes", async () => {
    const listener = await loopback({ maxConnections: 1 });
    const { server } = await accepted(listener);
    const socket = server.detach();
    expect(listener.connections).toBe(1);
    expect(await endOfClient(listener.port)).toBe("ECONNRESET");
    socket.destroy();
    await once(socket, "close");
    expect(listener.connections).toBe(0);
    await accepted(listener);
  });

  test("is about all addresses of a name", async () => {
    const listener = keep(await listen("localhost:0", { maxConnections: 1 }));
    const [first, last] = [listener.addresses[0], listener.addresses.at(-1)];
    if (first === undefined || !("port" in first) || last === undefined || !("port" in last))
      throw new Error();
    keep(await connect(first.address, first.port));
    await until(() => listener.connections === 1);
    expect(await endOf(keep(netConnect(last.port, last.address)))).toBe("ECONNRESET");
    expect(listener.stats.refused.maxConnections).toBe(1);
  });

  test("closes clients of a Unix socket, which cannot be reset", async () => {
    const path = socketPath();
    const listener = keep(await listen({ path }, { maxConnections: 1 }));
    keep(await connect({ path }));
    await until(() => listener.pending === 1);
    expect(await endOf(keep(netConnect(path)))).toBe("end");
    expect(listener.stats.refused.maxConnections).toBe(1);
    expect(events).toMatchObject([
      {
        reason: "maxConnections",
        remoteAddress: undefined,
        error: { operation: "accept", code: "ERR_LIMIT", address: path },
      },
    ]);
  });
});

test("clients in their handshake count for maxConnections, and are given room again when they leave", async () => {
  const listener = await loopback({ maxConnections: 2, tls: SELF_SIGNED });
  const silent = await netClient(listener.port);
  await netClient(listener.port);
  await until(() => listener.connections === 2);
  expect(listener.pending).toBe(0);
  expect(await endOfClient(listener.port)).toBe("ECONNRESET");
  silent.resetAndDestroy();
  await until(() => listener.connections === 1);
  const client = keep(await connect("127.0.0.1", listener.port, { tls: { rejectUnauthorized: false } }));
  keep(await listener.accept());
  expect(listener.connections).toBe(2);
  expect(client.tls?.protocol).toBe("TLSv1.3");
  expect(listener.stats).toMatchObject({ accepted: 1, refused: { maxConnections: 1, handshake: 1 } });
});

test("a flood of clients leaves no more open than maxConnections, and each client learns of it", async () => {
  const listener = await loopback({ maxConnections: 10 });
  const ends: string[] = [];
  const clients = Array.from({ length: 200 }, () => keep(netConnect(listener.port, "127.0.0.1")));
  for (const client of clients) void endOf(client).then((end) => ends.push(end));
  await until(() => ends.length === 190);
  expect(listener.connections).toBe(10);
  expect(listener.stats.refused.maxConnections).toBe(190);
  expect(new Set(ends)).toEqual(new Set(["ECONNRESET"]));
});

test("a client that maxConnections refuses costs no look at all connections that are open", async () => {
  const listener = await loopback({ maxConnections: 400 });
  for (let i = 0; i < 400; i++) void netClient(listener.port);
  await until(() => listener.pending === 400);
  const servers = await Promise.all(Array.from({ length: 400 }, async () => keep(await listener.accept())));
  let looks = 0;
  const socket = servers[0]?.socket as Socket & { _handle: unknown };
  const handle = socket._handle;
  Object.defineProperty(socket, "_handle", { configurable: true, get: () => (looks++, handle) });
  for (let i = 0; i < 30; i++) expect(await endOfClient(listener.port)).toBe("ECONNRESET");
  Object.defineProperty(socket, "_handle", { configurable: true, writable: true, value: handle });
  expect(listener.stats.refused.maxConnections).toBe(30);
  // 64 for each client, of 400.
  expect(looks).toBeGreaterThan(0);
  expect(looks).toBeLessThan(10);
});

test("a connection that was sent to another process makes room for the next client, also among many", async () => {
  const listener = await loopback({ maxConnections: 200 });
  const clients = await Promise.all(Array.from({ length: 200 }, () => netClient(listener.port)));
  const servers = await Promise.all(clients.map(async () => keep(await listener.accept())));
  const socket = servers[0]?.detach() as Socket & { _handle: { close(): void } | null };
  // As child.send() leaves it.
  socket._handle?.close();
  socket._handle = null;
  await netClient(listener.port);
  keep(await listener.accept());
  expect(listener.stats).toMatchObject({ accepted: 201, open: 200, refused: { maxConnections: 0 } });
  socket.destroy();
});

test("maxConnections: 0 takes no client; without it the backlog alone bounds those that wait", async () => {
  const none = await loopback({ maxConnections: 0 });
  expect(await endOfClient(none.port)).toBe("ECONNRESET");
  expect(none.stats.refused.maxConnections).toBe(1);
  const all = await loopback({ maxConnections: Infinity, backlog: 1 });
  await netClient(all.port);
  await until(() => all.pending === 1);
  expect(await endOfClient(all.port)).toBe("ECONNRESET");
  expect(all.stats).toMatchObject({ dropped: 1, refused: { maxConnections: 0 } });
});

test("a connection too many is published with its address", async () => {
  const listener = await loopback({ maxConnections: 0 });
  await endOfClient(listener.port);
  expect(events).toHaveLength(1);
  const [{ reason, remoteAddress, remotePort = 0, error }] = events as [RefusedEvent];
  expect([reason, remoteAddress]).toEqual(["maxConnections", "127.0.0.1"]);
  expect(remotePort).toBeGreaterThan(0);
  expect(error).toBeInstanceOf(NetError);
  expect(error).toMatchObject({
    operation: "accept",
    code: "ERR_LIMIT",
    address: "127.0.0.1",
    port: remotePort,
  });
  expect(error.message).toBe(
    `accept 127.0.0.1:${String(listener.port)} -> 127.0.0.1:${String(remotePort)}: maxConnections: 0 connections are open (ERR_LIMIT)`,
  );
});

describe("blockList", () => {
  /** A list with `127.0.0.9`. */
  function listed(): BlockList {
    const blockList = new BlockList();
    blockList.addAddress("127.0.0.9");
    return blockList;
  }

  /** How a client ends that connects from another address. */
  function endFrom(localAddress: string, port: number, host = "127.0.0.1"): Promise<string> {
    return endOf(keep(netConnect({ port, host, localAddress })));
  }

  test.each(capabilities)("resets clients on it, counts and publishes them%s", async (_, off) => {
    switchOff(...off);
    const listener = await loopback({ blockList: listed() });
    expect(await endFrom("127.0.0.9", listener.port)).toBe("ECONNRESET");
    expect(listener.stats).toMatchObject({ accepted: 0, dropped: 0, refused: { blocked: 1 } });
    expect(listener.connections).toBe(0);
    expect(events).toMatchObject([
      {
        reason: "blocked",
        remoteAddress: "127.0.0.9",
        error: { operation: "accept", code: "ERR_IP_BLOCKED", address: "127.0.0.9" },
      },
    ]);
    expect(events[0]?.error.message).toMatch(
      /: the blockList has the address of the client \(ERR_IP_BLOCKED\)$/,
    );
    await accepted(listener);
  });

  test("blocks IPv4 clients of an IPv6 socket by their IPv4 address", async () => {
    const listener = keep(await listen(0, { host: "::", blockList: listed() }));
    expect(await endFrom("127.0.0.9", listener.port)).toBe("ECONNRESET");
    expect(events).toMatchObject([{ reason: "blocked", remoteAddress: "127.0.0.9" }]);
  });

  test("blocks IPv6 clients", async () => {
    const blockList = new BlockList();
    blockList.addAddress("::1", "ipv6");
    const listener = keep(await listen(0, { host: "::1", blockList }));
    expect(await endFrom("::1", listener.port, "::1")).toBe("ECONNRESET");
    expect(listener.stats.refused.blocked).toBe(1);
  });

  test("is in force at once for what is added later", async () => {
    const blockList = new BlockList();
    const listener = await loopback({ blockList });
    await accepted(listener);
    blockList.addSubnet("127.0.0.0", 8);
    expect(await endOfClient(listener.port)).toBe("ECONNRESET");
  });

  test.each<[string, () => unknown, string, RegExp]>([
    ["an error", () => new Error("no list"), "ERR_UNKNOWN", /: no list \(ERR_UNKNOWN\)$/],
    [
      "an error with a code",
      () => Object.assign(new Error("no list"), { code: "ENOENT" }),
      "ENOENT",
      / \(ENOENT\)$/,
    ],
    ["a class", () => TypeError, "ERR_UNKNOWN", /: failed with .* \(ERR_UNKNOWN\)$/],
  ])("of the program's own that throws %s blocks the client", async (_, thrown, code, message) => {
    let isFailing = true;
    const blockList = listed();
    blockList.check = () => {
      if (isFailing) throw thrown();
      return false;
    };
    const listener = await loopback({ blockList });
    expect(await endOfClient(listener.port)).toBe("ECONNRESET");
    expect(listener.stats).toMatchObject({ accepted: 0, dropped: 0, refused: { blocked: 1 } });
    expect(events).toMatchObject([{ reason: "blocked", error: { operation: "accept", code } }]);
    expect(events[0]?.error.message).toMatch(message);
    isFailing = false;
    await accepted(listener);
    expect(listener.connections).toBe(1);
  });

  test("blocks before the limits count, and before a handshake", async () => {
    const blockList = new BlockList();
    blockList.addSubnet("127.0.0.0", 8);
    const listener = await loopback({ blockList, maxConnections: 0, backlog: 0, tls: SELF_SIGNED });
    expect(await endOfClient(listener.port)).toBe("ECONNRESET");
    expect(listener.stats).toMatchObject({
      dropped: 0,
      refused: { blocked: 1, maxConnections: 0, handshake: 0 },
    });
  });

  test("blocks no client of a Unix socket", async () => {
    const path = socketPath();
    const blockList = new BlockList();
    blockList.addSubnet("0.0.0.0", 0);
    blockList.addSubnet("::", 0, "ipv6");
    const listener = keep(await listen({ path }, { blockList }));
    const client = keep(await connect({ path }));
    const server = keep(await listener.accept());
    await client.write("hello");
    expect(String(await server.read())).toBe("hello");
  });

  test("knows an address with a zone, and blocks a client that has reset the connection already", () => {
    const blockList = new BlockList();
    blockList.addSubnet("fe80::", 10, "ipv6");
    const at = (remoteAddress: string | undefined, localAddress: string | undefined = "::1"): boolean =>
      isBlocked(blockList, new Addresses({ remoteAddress, localAddress }));
    expect(at("fe80::1%eth0")).toBe(true);
    expect(at("2001:db8::1")).toBe(false);
    expect(at(undefined)).toBe(true);
    expect(isBlocked(blockList, new Addresses({}))).toBe(false);
  });
});

test("wrong limits are refused", async () => {
  const wrong: [object, string][] = [
    [{ maxConnections: -1 }, '"maxConnections" must be a whole number, 0 or more; received -1'],
    [{ maxConnections: 1.5 }, '"maxConnections" must be a whole number, 0 or more; received 1.5'],
    [{ maxConnections: "10" }, '"maxConnections" must be a whole number; received a string'],
    [{ blockList: ["10.0.0.1"] }, '"blockList" must be a net.BlockList; received an array of 1 element'],
    [{ blockList: null }, '"blockList" must be a net.BlockList; received null'],
    [{ maxConnection: 1 }, '"maxConnection" is no option: did you mean "maxConnections"?'],
  ];
  for (const [options, message] of wrong) {
    await expect(listen(0, options)).rejects.toThrow(message);
  }
});
