import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { connect, Connection, listen } from "../../src/index.js";
import { nothingLeft } from "../support/resources.js";
import { curl } from "../support/curl.js";
import { closed, GIFTS } from "../support/http.js";
import { endPrograms } from "../support/program.js";
import { CURL, describeWith } from "../support/machine.js";

const SIZE = 8 * 1024 * 1024;

/** A server that has clients from somewhere. */
interface Started {
  readonly port: number;
  stop: () => Promise<void>;
}

/** Where an upgraded socket can come from. */
const SERVERS: readonly { name: string; start: (server: Server) => Promise<Started> }[] = [
  {
    name: "a server that listens itself",
    async start(server) {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      return { port: (server.address() as AddressInfo).port, stop: () => closed(server) };
    },
  },
  ...GIFTS.map((gift) => ({
    name: gift.name,
    async start(server: Server) {
      const listener = await listen(0, { host: "127.0.0.1" });
      const serving = (async () => {
        for await (const connection of listener) server.emit("connection", gift.of(connection));
      })();
      return { port: listener.port, stop: () => listener.close().then(() => serving) };
    },
  })),
];

const UPGRADE = ["Connection: Upgrade", "Upgrade: lines"];
const SWITCHING = ["HTTP/1.1 101 Switching Protocols", ...UPGRADE, "", ""].join("\r\n");

describe.each(SERVERS)("HTTP's upgrade, of $name", ({ start }) => {
  let server: Server;
  let port: number;
  let stop: () => Promise<void>;
  const adopted: Connection[] = [];

  beforeEach(async () => {
    server = createServer();
    ({ port, stop } = await start(server));
  });

  afterEach(async () => {
    for (const connection of adopted.splice(0)) connection.reset();
    await endPrograms();
    await stop();
    await nothingLeft();
  });

  function adopt(socket: Duplex, head: Buffer): Connection {
    socket.unshift(head);
    const connection = Connection.from(socket);
    adopted.push(connection);
    return connection;
  }

  /** The socket of the next upgrade, adopted. */
  async function upgraded(): Promise<{ request: IncomingMessage; connection: Connection }> {
    const [request, socket, head] = (await once(server, "upgrade")) as [IncomingMessage, Duplex, Buffer];
    socket.write(SWITCHING);
    return { request, connection: adopt(socket, head) };
  }

  describeWith(CURL, "with curl", () => {
    test("it gets what the adopted connection sends, to its end", async () => {
      const body = randomBytes(SIZE);
      const upgrade = upgraded();
      const headers = UPGRADE.flatMap((header) => ["-H", header]);
      const client = curl("-v", ...headers, `http://127.0.0.1:${port}/`);
      const { request, connection } = await upgrade;
      expect(request.headers.upgrade).toBe("lines");
      await connection.write(body);
      await connection.close();
      const { status, stdout, stderr } = await client.ended;
      expect(stderr).toMatch(/^< HTTP\/1\.1 101 Switching Protocols/m);
      expect(stdout.equals(body)).toBe(true);
      expect(status).toBe(0);
      await connection.closed;
    });
  });

  /** A client that sends `first` right behind its request. */
  async function upgradingClient(first: string): Promise<Connection> {
    const client = await connect("127.0.0.1", port);
    await client.write(["GET / HTTP/1.1", "Host: localhost", ...UPGRADE, "", first].join("\r\n"));
    return client;
  }

  test("what came with the request is read first, then lines each way", async () => {
    const upgrade = upgraded();
    await using client = await upgradingClient("first\nsec");
    const { connection } = await upgrade;
    expect((await client.readUntil("\r\n\r\n"))?.toString()).toBe(SWITCHING.trimEnd());
    expect(await connection.readLine()).toBe("first");
    await connection.writeLine("and?");
    expect(await client.readLine()).toBe("and?");
    await client.write("ond\n");
    expect(await connection.readLine()).toBe("second");
    await client.closeWrite();
    expect(await connection.readLine()).toBeNull();
    await connection.writeLine("after its half-close");
    await connection.close();
    expect(await client.readLine()).toBe("after its half-close");
    expect(await client.readLine()).toBeNull();
    await connection.closed;
  });

  test("megabytes both ways at the same time", async () => {
    const body = randomBytes(SIZE);
    const upgrade = upgraded();
    await using client = await upgradingClient("");
    const { connection } = await upgrade;
    await client.readUntil("\r\n\r\n");
    void client.write(body).then(() => client.closeWrite());
    const echoed = client.readAll();
    for await (const chunk of connection) await connection.write(chunk);
    await connection.close();
    const received = await echoed;
    expect(received.equals(body)).toBe(true);
    await connection.closed;
  });

  test("both sides adopted: Node's own client, over a connection's duplex", async () => {
    const upgrade = upgraded();
    await using beneath = await connect("127.0.0.1", port);
    const headers = Object.fromEntries(UPGRADE.map((header) => header.split(": ") as [string, string]));
    const request = get({ createConnection: () => beneath.duplex, headers });
    const response = once(request, "upgrade") as Promise<[IncomingMessage, Duplex, Buffer]>;
    const { connection } = await upgrade;
    await connection.writeLine("welcome");
    const [, socket, head] = await response;
    const client = adopt(socket, head);
    expect(await client.readLine()).toBe("welcome");
    await client.writeLine("thanks");
    expect(await connection.readLine()).toBe("thanks");
    await Promise.all([client.close(), connection.close()]);
    await Promise.all([client.closed, connection.closed, beneath.closed]);
  });
});
