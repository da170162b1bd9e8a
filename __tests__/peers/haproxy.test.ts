/** HAProxy ahead of our listeners, and behind our connections: it sends PROXY headers, and reads them. */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect as netConnect, type Socket } from "node:net";
import { connect as tlsConnect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { connect, type Connection, type ConnectOptions, type Listener } from "../../src/index.js";
import { AUTHORITY, CLIENT, LOCALHOST } from "../support/certificates.js";
import { startHaproxy, type Haproxy } from "../support/haproxy.js";
import { describeWith, HAPROXY } from "../support/machine.js";
import { closeAll, keep, loopback } from "../support/peers.js";
import { endPrograms } from "../support/program.js";

/** The types of TLVs, as the specification numbers them. */
const TLV = { alpn: 1, authority: 2, checksum: 3, uniqueId: 5, tls: 0x20 } as const;

describeWith(HAPROXY, "HAProxy", () => {
  let haproxy: Haproxy;
  let plain: Listener;
  let secure: Listener;
  let checked: Listener;

  beforeAll(async () => {
    plain = await loopback({ proxyProtocol: "require" });
    secure = await loopback({ proxyProtocol: "require", tls: LOCALHOST });
    checked = await loopback({ proxyProtocol: "require" });
    haproxy = await startHaproxy({ plain: plain.port, tls: secure.port, checked: checked.port });
  });

  afterAll(async () => {
    await haproxy[Symbol.asyncDispose]();
    await endPrograms();
    await closeAll();
  });

  /** A client of HAProxy's that sends a line, and the connection that HAProxy relays it to. */
  async function relayed(client: Socket, listener = plain): Promise<Connection> {
    client.on("error", () => undefined);
    client.write("hello\n");
    const server = keep(await listener.accept());
    expect(await server.readLine()).toBe("hello");
    await server.writeLine("answer");
    expect(String((await once(client, "data"))[0])).toBe("answer\n");
    return server;
  }

  async function tlsClient(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const where = { host: "127.0.0.1", port, ca: AUTHORITY, servername: "localhost" };
    const client = keep(tlsConnect({ ...where, ...options }));
    await once(client, "secureConnect");
    return client;
  }

  describe.each([
    ["send-proxy", "v1", 1],
    ["send-proxy-v2", "v2", 2],
  ] as const)("%s", (_, name, version) => {
    test.each(["127.0.0.1", "::1"])("tells the client that has connected to it at %s", async (host) => {
      const port = haproxy.ports[name];
      const client = keep(netConnect(port, host));
      const server = await relayed(client);
      expect(server).toMatchObject({ remoteAddress: host, remotePort: client.localPort });
      expect(server.family).toBe(host === "::1" ? 6 : 4);
      expect(server.socket.remoteAddress).toBe("127.0.0.1");
      expect(server.socket.remotePort).not.toBe(client.localPort);
      expect(server.proxy).toMatchObject({
        version,
        command: "proxy",
        sourceAddress: host,
        sourcePort: client.localPort,
        destinationAddress: host,
        destinationPort: port,
      });
      client.end();
      expect(await server.read()).toBeNull();
      await server.close();
    });
  });

  test("sends TLVs: server name, ALPN, unique id, what is known of TLS, and a checksum that is right", async () => {
    const client = await tlsClient(haproxy.ports.options, { ALPNProtocols: ["http/1.1"] });
    const { localPort } = client;
    const { proxy } = await relayed(client);
    const text = (type: number) => proxy?.tlvs.get(type)?.toString();
    expect(proxy).toMatchObject({ version: 2, sourceAddress: "127.0.0.1", sourcePort: localPort });
    expect(text(TLV.alpn)).toBe("http/1.1");
    expect(text(TLV.authority)).toBe("localhost");
    expect(text(TLV.uniqueId)).toBe(`id-127.0.0.1-${String(localPort)}`);
    expect(proxy?.tlvs.get(TLV.checksum)).toHaveLength(4);
    // It has the version and the cipher in it.
    expect(text(TLV.tls)).toContain(client.getProtocol());
    expect(text(TLV.tls)).toContain(client.getCipher().name);
  });

  test("send-proxy-v2-ssl-cn sends the name in the certificate of the client", async () => {
    const client = await tlsClient(haproxy.ports.cn, CLIENT);
    const { proxy } = await relayed(client);
    const tls = proxy?.tlvs.get(TLV.tls) ?? Buffer.alloc(0);
    // That there is TLS with a certificate on this connection, which was verified.
    expect(tls.readUInt8(0) & 3).toBe(3);
    expect(tls.readUInt32BE(1)).toBe(0);
    expect(tls.includes(Buffer.from("220006636c69656e74", "hex"))).toBe(true);
  });

  test("speaks TLS behind the header", async () => {
    const client = keep(netConnect(haproxy.ports.toTls, "127.0.0.1"));
    const server = await relayed(client, secure);
    expect(server.remotePort).toBe(client.localPort);
    expect(server.tls).toMatchObject({ servername: "localhost" });
  });

  test("checks the health of a server by connections of its own", async () => {
    const server = keep(await checked.accept());
    expect(server.proxy).toMatchObject({ version: 2, command: "local", sourceAddress: undefined });
    await checked.close();
  });

  describe("accept-proxy", () => {
    /** What HAProxy has read of the header of a connection of ours. */
    async function seen(port: number, options: ConnectOptions): Promise<string> {
      const connection = keep(await connect("localhost", port, { family: 4, timeout: 5_000, ...options }));
      await connection.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
      const response = String(await connection.readAll());
      expect(response).toMatch(/^HTTP\/1\.1 200 /);
      return response.slice(response.indexOf("\r\n\r\n") + 4);
    }

    const FOUR = {
      sourceAddress: "192.0.2.1",
      sourcePort: 56_324,
      destinationAddress: "198.51.100.2",
      destinationPort: 443,
    };
    const SIX = { ...FOUR, sourceAddress: "2001:db8::1", destinationAddress: "2001:db8:0:1::2" };
    const tlvs = new Map<number, string | Uint8Array>([
      [TLV.alpn, "h2"],
      [TLV.authority, "example.org"],
      [TLV.checksum, Buffer.alloc(4)],
      [TLV.uniqueId, "0123456789"],
      [4, Buffer.alloc(20)],
      [0xea, "\x01vpce-08d2bf15fac5001c9"],
    ]);

    describe.each([
      ["", "accept", {}],
      [", with TLS behind it", "acceptTls", { tls: { ca: AUTHORITY } }],
    ] as const)("reads our header%s", (_, name, options) => {
      test.each([
        [
          "version 1, IPv4",
          { version: 1, ...FOUR },
          "192.0.2.1 56324 198.51.100.2 443 authority= id= proxied=1",
        ],
        [
          "version 1, IPv6",
          { version: 1, ...SIX },
          "2001:db8::1 56324 2001:db8:0:1::2 443 authority= id= proxied=1",
        ],
        [
          "version 2, IPv4",
          { version: 2, ...FOUR },
          "192.0.2.1 56324 198.51.100.2 443 authority= id= proxied=1",
        ],
        [
          "version 2, IPv6, with TLVs whose checksum it checks",
          { version: 2, ...SIX, tlvs },
          "2001:db8::1 56324 2001:db8:0:1::2 443 authority=example.org id=0123456789 proxied=1",
        ],
      ] as const)("%s", async (_, proxyHeader, expected) => {
        expect(await seen(haproxy.ports[name], { ...options, proxyHeader })).toBe(expected);
      });

      test("of a connection of our own", async () => {
        const answer = await seen(haproxy.ports[name], { ...options, proxyHeader: "local" });
        expect(answer).toMatch(
          new RegExp(`^127\\.0\\.0\\.1 \\d+ 127\\.0\\.0\\.1 ${String(haproxy.ports[name])} `),
        );
      });
    });
  });
});
