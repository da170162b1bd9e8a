import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { Duplex } from "node:stream";
import {
  connect,
  connectDuplex,
  connectTo,
  listen,
  type ConnectOptions,
  type ProxyHeader,
} from "../../src/index.js";
import { Addresses } from "../../src/address/addresses.js";
import { systemNetwork, useNetwork } from "../../src/core/network.js";
import { adopt } from "../../src/core/transport/adopt.js";
import { switchOff } from "../../src/core/transport/node-internals.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { failure, netError, timeoutError } from "../support/outcomes.js";
import { closeAll, keep, loopback, socketPath } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";

afterEach(async () => {
  useNetwork(systemNetwork);
  switchOff();
  await closeAll();
  await nothingLeft();
});

const FOUR = {
  version: 2,
  sourceAddress: "192.0.2.1",
  sourcePort: 56_324,
  destinationAddress: "198.51.100.2",
  destinationPort: 443,
} as const;

const SIX = { ...FOUR, sourceAddress: "2001:db8::1", destinationAddress: "2001:db8::2" } as const;

const TLVS = new Map<number, string | Uint8Array>([
  [1, "h2"],
  [2, "example.org"],
  [3, Buffer.alloc(4)],
  [5, Buffer.alloc(128, 7)],
  [0xea, "\x01vpce-08d2bf15fac5001c9"],
]);

const HEADERS: readonly (readonly [name: string, header: Exclude<ProxyHeader, "local">])[] = [
  ["version 1, IPv4", { ...FOUR, version: 1 }],
  ["version 1, IPv6", { ...SIX, version: 1 }],
  ["version 2, IPv4", FOUR],
  ["version 2, IPv6", SIX],
  ["version 2 with TLVs", { ...SIX, tlvs: TLVS }],
];

/** All that the next client of a server of Node's sends, once that has ended. */
async function received(connecting: (port: number) => Promise<{ close(): Promise<void> }>): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const [connection, [socket]] = await Promise.all([
    connecting((server.address() as AddressInfo).port),
    once(server, "connection") as Promise<[Socket]>,
  ]);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  await connection.close();
  if (!socket.readableEnded) await once(socket, "end");
  socket.destroy();
  server.close();
  return Buffer.concat(chunks).toString("latin1");
}

describe("the header is sent first", () => {
  test("as a line", async () => {
    const text = await received(async (port) => {
      const connection = await connect("127.0.0.1", port, { proxyHeader: { ...FOUR, version: 1 } });
      await connection.write("hello");
      return connection;
    });
    expect(text).toBe("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nhello");
  });

  test("in binary, also if nothing is written", async () => {
    const binary = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\xdc\x04\x01\xbb";
    expect(await received((port) => connect("127.0.0.1", port, { proxyHeader: FOUR }))).toBe(binary);
    const local = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    expect(await received((port) => connect("127.0.0.1", port, { proxyHeader: "local" }))).toBe(local);
  });

  test.each(HEADERS)(
    "%s, and is understood by a listener; what is written comes behind it",
    async (_, header) => {
      for (const capabilities of [
        [],
        ["worksPastStreams"],
        ["tellsUnsentBytes"],
        ["writesDirectly"],
      ] as const) {
        switchOff(...capabilities);
        const listener = await loopback({ proxyProtocol: "require" });
        const client = keep(await connect("127.0.0.1", listener.port, { proxyHeader: header }));
        const server = keep(await listener.accept());
        expect(server.remoteAddress).toBe(header.sourceAddress);
        const { tlvs, ...facts } = header;
        expect(server.proxy).toMatchObject(facts);
        expect([...(server.proxy?.tlvs.keys() ?? [])]).toEqual([...(tlvs?.keys() ?? [])]);
        expect(server.proxy?.tlvs.get(1)?.toString()).toBe(tlvs?.get(1));
        await client.writeLine("hello");
        expect(await server.readLine()).toBe("hello");
        await server.writeLine("answer");
        expect(await client.readLine()).toBe("answer");
        await Promise.all([client.close(), server.close()]);
      }
    },
  );

  test("before TLS, whose certificate is that of the server", async () => {
    const listener = await loopback({ proxyProtocol: "require", tls: LOCALHOST });
    const options = { proxyHeader: { ...SIX, tlvs: TLVS }, tls: { ca: AUTHORITY } } as const;
    const [client, server] = await Promise.all([
      connect("localhost", listener.port, options),
      listener.accept(),
    ]);
    keep(client);
    keep(server);
    expect(server).toMatchObject({ remoteAddress: SIX.sourceAddress, remotePort: 56_324 });
    expect(client.tls?.authorized).toBe(true);
    await client.writeLine("hello");
    expect(await server.readLine()).toBe("hello");
  });

  test("to a Unix socket, and by connectTo", async () => {
    const path = socketPath();
    const listener = keep(await listen({ path }, { proxyProtocol: "require" }));
    keep(await connect({ path }, { proxyHeader: FOUR }));
    expect(keep(await listener.accept()).remoteAddress).toBe("192.0.2.1");
    const other = await loopback({ proxyProtocol: "require" });
    const to = [{ address: "127.0.0.1", port: other.port, family: 4 as const }];
    keep(await connectTo(to, { proxyHeader: "local" }));
    expect(keep(await other.accept()).proxy?.command).toBe("local");
  });

  test("by connectDuplex, ahead of what was written before it had connected", async () => {
    const listener = await loopback({ proxyProtocol: "require" });
    const duplex = connectDuplex("127.0.0.1", listener.port, { proxyHeader: FOUR });
    duplex.write("hello\n");
    const server = keep(await listener.accept());
    expect(server.remoteAddress).toBe("192.0.2.1");
    expect(await server.readLine()).toBe("hello");
    // That there is something to be done after connecting does not make it secure.
    expect((duplex as { encrypted?: boolean }).encrypted).toBeUndefined();
    duplex.destroy();
  });
});

test("addresses that IPv6 maps are those of IPv4", async () => {
  const listener = await loopback({ proxyProtocol: "require" });
  const header = { ...FOUR, sourceAddress: "::ffff:192.0.2.1", destinationAddress: "198.51.100.2" };
  keep(await connect("127.0.0.1", listener.port, { proxyHeader: header }));
  expect(keep(await listener.accept()).proxy).toMatchObject(FOUR);
});

test("what the caller changes after the call changes nothing", async () => {
  const listener = await loopback({ proxyProtocol: "require" });
  const id = Buffer.from("before");
  const tlvs = new Map([[5, id]]);
  const header = { ...FOUR, tlvs };
  const options = { proxyHeader: header as ProxyHeader };
  const connecting = connect("localhost", listener.port, options);
  id.write("after!");
  tlvs.set(6, id);
  header.sourcePort = 1 as never;
  options.proxyHeader = "local";
  keep(await connecting);
  const { proxy } = keep(await listener.accept());
  expect(proxy?.sourcePort).toBe(56_324);
  expect([...(proxy?.tlvs ?? [])].map(([type, value]) => [type, String(value)])).toEqual([[5, "before"]]);
});

/** A network whose streams take nothing: what is written to them is left to the test. */
function cloggedNetwork() {
  const streams: Duplex[] = [];
  const writes: ((error?: Error) => void)[] = [];
  useNetwork({
    ...systemNetwork,
    connect: (_to, _from, connected) => {
      const stream = new Duplex({
        read: () => undefined,
        write: (_chunk, _encoding, done) => void writes.push(done),
      });
      streams.push(stream);
      setImmediate(() => connected(adopt(stream), new Addresses({})));
      return () => stream.destroy();
    },
  });
  return { streams, writes };
}

describe("a header that the peer does not take", () => {
  const header = { proxyHeader: FOUR };

  test("is bounded by the deadline of the call, and nothing is left", async () => {
    const { streams } = cloggedNetwork();
    const error = await timeoutError(connect("127.0.0.1", 9, { ...header, timeout: 20 }));
    expect(error).toMatchObject({ operation: "connect", timeout: 20 });
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true]);
  });

  test("is given up by the signal", async () => {
    const { streams, writes } = cloggedNetwork();
    const controller = new AbortController();
    const connecting = connect("127.0.0.1", 9, { ...header, signal: controller.signal });
    while (writes.length === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error("enough"));
    expect(await failure(connecting)).toBe(controller.signal.reason);
    expect(streams[0]?.destroyed).toBe(true);
  });

  test("fails the call if the stream fails or closes", async () => {
    const { streams, writes } = cloggedNetwork();
    const outcomeOf = async (end: (index: number) => void, index: number) => {
      const connecting = netError(connect("127.0.0.1", 9, header));
      while (writes.length <= index) await new Promise((resolve) => setImmediate(resolve));
      end(index);
      return await connecting;
    };
    const failed = await outcomeOf((i) => writes[i]?.(Object.assign(new Error("no"), { code: "EPIPE" })), 0);
    expect(failed).toMatchObject({ operation: "connect", code: "EPIPE" });
    const closed = await outcomeOf((i) => streams[i]?.destroy(), 1);
    expect(closed).toMatchObject({ operation: "connect", code: "ECONNRESET" });
    expect(streams.every(({ destroyed }) => destroyed)).toBe(true);
  });

  test("that it takes later is a connection, which has what the peer has said meanwhile", async () => {
    const { streams, writes } = cloggedNetwork();
    const connecting = connect("127.0.0.1", 9, { ...header, timeout: 5_000 });
    while (writes.length === 0) await new Promise((resolve) => setImmediate(resolve));
    streams[0]?.push("220 hello\n");
    await new Promise((resolve) => setImmediate(resolve));
    writes[0]?.();
    const connection = await connecting;
    expect(await connection.readLine()).toBe("220 hello");
    expect(connection.bytesWritten).toBe(0);
    expect(streams[0]?.listenerCount("error")).toBe(1);
    connection.reset();
  });
});

describe("a header that makes no sense is refused at the call", () => {
  const long = Buffer.alloc(4_094);
  const CASES: readonly (readonly [name: string, header: unknown, message: string])[] = [
    [
      "true",
      true,
      '"proxyHeader" must be "local" or { version, sourceAddress, sourcePort, destinationAddress, destinationPort, tlvs }; received true',
    ],
    [
      "other text",
      "proxy",
      '"proxyHeader" must be "local" or { version, sourceAddress, sourcePort, destinationAddress, destinationPort, tlvs }; received a string of 5 characters',
    ],
    [
      "no version",
      { ...FOUR, version: undefined },
      '"proxyHeader.version" must be 1 or 2; received undefined',
    ],
    ["version 3", { ...FOUR, version: 3 }, '"proxyHeader.version" must be 1 or 2; received 3'],
    [
      "no address",
      { ...FOUR, sourceAddress: undefined },
      '"proxyHeader.sourceAddress" must be a string; received undefined',
    ],
    [
      "a name",
      { ...FOUR, sourceAddress: "localhost" },
      '"proxyHeader.sourceAddress" must be a literal address, without a zone; received a string of 9 characters',
    ],
    [
      "a zone",
      { ...SIX, sourceAddress: "fe80::1%lo" },
      '"proxyHeader.sourceAddress" must be a literal address, without a zone; received a string of 10 characters',
    ],
    [
      "two families",
      { ...FOUR, destinationAddress: "::1" },
      '"proxyHeader.destinationAddress" must be of the family of sourceAddress; received a string of 3 characters',
    ],
    [
      "no port",
      { ...FOUR, sourcePort: undefined },
      '"proxyHeader.sourcePort" must be a whole number; received undefined',
    ],
    [
      "the port 65536",
      { ...FOUR, destinationPort: 65_536 },
      '"proxyHeader.destinationPort" must be a whole number from 0 to 65535; received 65536',
    ],
    [
      "a service",
      { ...FOUR, destinationPort: "https" },
      '"proxyHeader.destinationPort" must be a whole number; received a string of 5 characters',
    ],
    [
      "TLVs in version 1",
      { ...FOUR, version: 1, tlvs: TLVS },
      '"proxyHeader.tlvs" must be left out, since version 1 has none; received an object (Map)',
    ],
    [
      "TLVs in an object",
      { ...FOUR, tlvs: { 5: "id" } },
      '"proxyHeader.tlvs" must be a Map from types to bytes; received an object',
    ],
    [
      "a type of 256",
      { ...FOUR, tlvs: new Map([[256, "id"]]) },
      '"a type in proxyHeader.tlvs" must be a whole number from 0 to 255; received 256',
    ],
    [
      "a value that is a number",
      { ...FOUR, tlvs: new Map([[5, 5]]) },
      '"proxyHeader.tlvs[5]" must be a string or bytes; received 5',
    ],
    [
      "too many bytes",
      { ...FOUR, tlvs: new Map([[0xe0, long]]) },
      '"proxyHeader.tlvs" must be at most 4096 bytes, with 3 more for each; received an object (Map)',
    ],
    [
      "a long unique id",
      { ...FOUR, tlvs: new Map([[5, Buffer.alloc(129)]]) },
      '"proxyHeader.tlvs[5]" must be at most 128 bytes; received a Buffer of 129 bytes',
    ],
    [
      "a short checksum",
      { ...FOUR, tlvs: new Map([[3, Buffer.alloc(3)]]) },
      '"proxyHeader.tlvs[3]" must be 4 bytes, which the checksum replaces; received a Buffer of 3 bytes',
    ],
    [
      "a misspelt part",
      { ...FOUR, sourceAdress: "::1" },
      '"sourceAdress" is no part of a PROXY header: did you mean "sourceAddress"?',
    ],
    [
      "a command",
      { ...FOUR, command: "proxy" },
      '"command" is no part of a PROXY header: it follows from the rest: "local" alone is the header of a connection of your own',
    ],
  ];

  test.each(CASES)("%s", async (_, proxyHeader, message) => {
    const options = { proxyHeader } as ConnectOptions;
    const error = await failure(connect("127.0.0.1", 9, options));
    expect((error as Error).message).toBe(message);
    expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
    expect(await failure(connectTo([{ address: "127.0.0.1", port: 9, family: 4 }], options))).toEqual(error);
    expect(() => connectDuplex("127.0.0.1", 9, options)).toThrow(message);
  });

  test("the largest that fits is not", async () => {
    const listener = await loopback({ proxyProtocol: "require" });
    const proxyHeader = { ...SIX, tlvs: new Map([[0xe0, long.subarray(1)]]) };
    keep(await connect("127.0.0.1", listener.port, { proxyHeader }));
    expect(keep(await listener.accept()).proxy?.tlvs.get(0xe0)?.length).toBe(4_093);
  });
});

test("the header that a listener has read can be passed on", async () => {
  const listener = await loopback({ proxyProtocol: "require" });
  keep(await connect("127.0.0.1", listener.port, { proxyHeader: { ...SIX, tlvs: TLVS } }));
  const { command, ...rest } = keep(await listener.accept()).proxy ?? {};
  const proxyHeader = (command === "local" ? "local" : rest) as ProxyHeader;
  keep(await connect("127.0.0.1", listener.port, { proxyHeader }));
  expect(keep(await listener.accept()).proxy).toMatchObject(rest);
});
