/** Sockets that are detached on simulated hosts: what programs and libraries do with them. */
import { once } from "node:events";
import http from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import timersPromises from "node:timers/promises";
import * as undici from "undici";
import { connect, Connection, listen, NetError, serve, type Listener } from "../../../src/index.js";
import { simulate, type Host, type Network } from "../../../src/testing/index.js";
import { AUTHORITY, LOCALHOST } from "../../support/certificates.js";
import { errorOf, failure } from "../../support/outcomes.js";

const TLS = { ca: AUTHORITY, servername: "localhost" };

interface Pair {
  readonly client: Host;
  readonly server: Host;
  readonly near: Connection;
  readonly far: Connection;
}

async function connected(network: Network, options = {}): Promise<Pair> {
  const [client, server] = [network.host("client"), network.host("server")];
  const listener = await server.run(() => listen(7));
  const near = await client.run(() => connect("server", 7, options));
  const far = await listener.accept();
  await listener.close();
  return { client, server, near, far };
}

function closed(socket: Duplex): Promise<void> {
  return new Promise((resolve) => void socket.once("close", resolve));
}

type Answer = (error: Error | null, socket: Socket | null) => void;

/** Gives what `connect` resolves to, as a socket, to a callback. */
function answer(connecting: Promise<Connection>, callback: Answer): void {
  connecting.then(
    (connection) => callback(null, connection.detach()),
    (error: unknown) => callback(error as Error, null),
  );
}

/** A server of node:http on a host, over the connections of this library. */
async function serveHttp(
  host: Host,
  options: http.ServerOptions,
  handler: http.RequestListener,
): Promise<Listener> {
  return await host.run(async () => {
    const httpServer = http.createServer(options, handler);
    const listener = await listen(80);
    const giveAll = async (): Promise<void> => {
      for await (const connection of listener) {
        httpServer.emit("connection", connection.detach({ allowHalfOpen: true }));
      }
    };
    void giveAll();
    return listener;
  });
}

describe("HTTP", () => {
  test("goes by virtual time: the client's timeouts, and the time that a server keeps an idle connection", async () => {
    await simulate({ seed: 1 }, async (network) => {
      const [client, server] = [network.host("client"), network.host("server")];
      const listener = await serveHttp(server, { keepAliveTimeout: 5_000 }, ({ socket, url }, response) => {
        if (url === "/who") response.end(`${String(socket.remoteAddress)} ${String(socket.remoteFamily)}`);
      });
      await client.run(async () => {
        const agent = new http.Agent({ keepAlive: true });
        agent.createConnection = (_options, callback) => {
          answer(connect("server", 80), callback as Answer);
          return undefined;
        };
        const get = http.get({ agent, host: "server", path: "/who" });
        const [response] = (await once(get, "response")) as [http.IncomingMessage];
        expect(await text(response)).toBe(`${String(client.addresses[0])} IPv4`);
        const idle = get.socket as unknown as Socket;
        const begin = network.now;
        await closed(idle);
        // Node 24 and later wait for one second more.
        expect(network.now - begin).toBeGreaterThan(4_900);
        expect(network.now - begin).toBeLessThan(6_100);

        const silent = http.get({ agent, host: "server", path: "/silent", timeout: 30_000 });
        const start = network.now;
        await once(silent, "timeout");
        expect(network.now - start).toBeGreaterThanOrEqual(30_000);
        expect(network.now - start).toBeLessThan(30_100);
        silent.destroy();
        expect(await failure(once(silent, "response"))).toMatchObject({ code: "ECONNRESET" });
        agent.destroy();
      });
      await listener.close();
    });
  });

  test("of undici works, and over TLS, and its timeouts are virtual", async () => {
    // One simulation: undici keeps a timer for good, which goes by the time of the first.
    await simulate({ seed: 1 }, async (network) => {
      const [client, server] = [network.host("client"), network.host("server")];
      const listeners = await server.run(() => Promise.all([listen(80), listen(443, { tls: LOCALHOST })]));
      const serveOne = async (connection: Connection): Promise<void> => {
        for await (const line of connection.lines()) {
          if (line.startsWith("GET /silent")) await timersPromises.setTimeout(3_600_000);
          if (line === "") await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        }
      };
      for (const listener of listeners) {
        void server.run(() => serve(listener, serveOne, { onError: () => undefined }));
      }
      for (const tls of [undefined, TLS]) {
        const pool = new undici.Pool(tls === undefined ? "http://server" : "https://server", {
          headersTimeout: 60_000,
          connect: (_options, callback) => {
            answer(connect("server", tls === undefined ? 80 : 443, { tls }), callback as Answer);
          },
        });
        await client.run(async () => {
          for (let count = 0; count < 3; count++) {
            const { body } = await pool.request({ method: "GET", path: "/" });
            expect(await body.text()).toBe("hello");
          }
          const start = network.now;
          const error = await errorOf(pool.request({ method: "GET", path: "/silent" }));
          expect(error.code).toBe("UND_ERR_HEADERS_TIMEOUT");
          // Its timers are coarse.
          expect(network.now - start).toBeGreaterThan(59_000);
          expect(network.now - start).toBeLessThan(63_000);
          await pool.destroy();
        });
      }
      for (const listener of listeners) await listener.close();
    });
  });
});

describe("a keep-alive that is set on the socket", () => {
  const manyForms = Number(process.versions.node.split(".")[0]) >= 24;
  const afterTenQuestions = 20_000 + 10 * 1_000;
  test.each([
    ["with a delay", [true, 20_900], afterTenQuestions],
    ["with an interval and a count", [true, 20_000, 5_000, 3], manyForms ? 35_000 : afterTenQuestions],
    [
      "as an object",
      [{ enable: true, initialDelay: 20_000, interval: 5_000, count: 3 }],
      // Without these forms, an object is as good as `true`.
      manyForms ? 35_000 : 7_200_000 + 9 * 75_000,
    ],
  ])("%s ends a connection that is cut", async (_how, settings, ms) => {
    await simulate({ seed: 1, timeLimit: Infinity }, async (network) => {
      const { client, server, near, far } = await connected(network);
      const socket = near.detach();
      const start = network.now;
      // The handshake is over by then at both ends.
      await timersPromises.setTimeout(100);
      expect(socket.setKeepAlive(...(settings as [boolean]))).toBe(socket);
      network.partition(client, server);
      socket.resume();
      const [error] = (await once(socket, "error")) as [Error];
      expect(error).toMatchObject({ code: "ETIMEDOUT", syscall: "read" });
      expect(Math.abs(network.now - start - ms)).toBeLessThan(50);
      far.reset();
    });
  });
});

describe("another connection", () => {
  test("adopts it with its addresses, what is unread, and its resets", async () => {
    await simulate({ seed: 1 }, async (network) => {
      const { client, near, far } = await connected(network);
      await far.write("one\ntwo\n");
      expect(await near.readLine()).toBe("one");
      const { remoteAddress, remotePort, localAddress, localPort } = near;
      const adopted = Connection.from(near.detach());
      expect(adopted).toMatchObject({ remoteAddress, remotePort, localAddress, localPort });
      expect(await client.run(() => adopted.readLine())).toBe("two");
      await adopted.writeLine("three");
      expect(await far.readLine()).toBe("three");
      const again = Connection.from(adopted.detach());
      await far.writeLine("four");
      expect(await again.readLine()).toBe("four");
      again.reset();
      expect(await failure(far.read())).toMatchObject({ code: "ECONNRESET" });
    });
  });

  test("goes over to TLS on it", async () => {
    await simulate({ seed: 1 }, async (network) => {
      const { near, far } = await connected(network);
      const [one, other] = [near, far].map((connection) => Connection.from(connection.detach()));
      const secure = await Promise.all([
        (one as Connection).startTls(TLS),
        (other as Connection).startTls({ isServer: true, ...LOCALHOST }),
      ]);
      await secure[0].writeLine("hello");
      expect(await secure[1].readLine()).toBe("hello");
      await Promise.all(secure.map((connection) => connection.close()));
    });
  });

  test.each([0, 7])("of a listener takes it, with %s bytes that it has read", async (size) => {
    await simulate({ seed: 1 }, async (network) => {
      const { server, near, far } = await connected(network);
      if (size > 0) {
        await near.writeLine("and early".slice(-size + 1));
        while (far.bytesRead < size) await timersPromises.setTimeout(1);
      }
      const listener = await server.run(() => listen(8));
      const { remoteAddress, remotePort } = far;
      listener.server.emit("connection", far.detach());
      const accepted = await listener.accept();
      expect(accepted).toMatchObject({ remoteAddress, remotePort });
      await near.writeLine("late");
      await near.closeWrite();
      expect(String(await accepted.readAll())).toBe(size > 0 ? " early\nlate\n" : "late\n");
      accepted.reset();
      expect(await failure(near.read())).toMatchObject({ code: "ECONNRESET" });
      await listener.close();
    });
  });
});

test("what a crash of its host leaves of it is silent", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const { client, near, far } = await connected(network);
    const socket = near.detach();
    const events: string[] = [];
    for (const name of ["close", "data", "end", "error", "timeout"]) socket.on(name, () => events.push(name));
    socket.setTimeout(1_000);
    await far.write("unread");
    client.crash();
    await timersPromises.setTimeout(10_000);
    client.restart();
    await far.write("to nobody");
    expect(await failure(far.read())).toMatchObject({ code: "ECONNRESET" });
    await timersPromises.setTimeout(10_000);
    expect(events).toEqual([]);
  });
});

test("its timeout waits for a host that is stalled, and comes behind the bytes that have arrived meanwhile", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const { client, near, far } = await connected(network);
    const socket = near.detach();
    const events: string[] = [];
    socket.on("data", () => events.push(`data at ${String(network.now - start)}`));
    socket.setTimeout(2_000, () => events.push(`timeout at ${String(network.now - start)}`));
    const start = network.now;
    client.stall(5_000);
    await far.write("hello");
    await timersPromises.setTimeout(20_000);
    expect(events).toEqual(["data at 5000", "timeout at 7000"]);
    socket.destroy();
    far.reset();
  });
});

test("its timeout comes to the millisecond after what it has last read or written", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const { near, far } = await connected(network);
    const socket = near.detach();
    const timedOut = async (): Promise<number> => {
      const start = network.now;
      await once(socket, "timeout");
      return network.now - start;
    };
    socket.setTimeout(2_000);
    expect(await timedOut()).toBe(2_000);
    socket.write("a word");
    expect(await timedOut()).toBe(2_000);
    // It may arrive in pieces.
    let readAt = 0;
    socket.on("data", () => (readAt = network.now));
    await far.write("a word");
    await once(socket, "timeout");
    expect(network.now - readAt).toBe(2_000);
    socket.destroy();
    far.reset();
  });
});

describe("a body that waits for a socket which gets nothing", () => {
  async function messageOf(waitFor: (socket: Socket) => Promise<unknown>): Promise<string> {
    const error = await failure(
      simulate({ seed: 1 }, async (network) => {
        const { client, near } = await connected(network);
        await client.run(() => waitFor(near.detach()));
      }),
    );
    // A kernel asks a peer that has no room, for ever.
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_(?:DEADLOCK|TIME_LIMIT)$/) as unknown });
    return (error as Error).message;
  }

  test("is told which host reads, or writes, and where", async () => {
    const peer = String.raw`10\.0\.0\.2:7`;
    expect(await messageOf((socket) => text(socket))).toMatch(new RegExp(`client: reads from ${peer}`));
    expect(await messageOf((socket) => once(socket, "readable"))).toMatch(
      new RegExp(`client: reads from ${peer}`),
    );
    const clogged = (socket: Socket): Promise<unknown> => {
      socket.write(Buffer.alloc(1_000_000));
      return once(socket, "drain");
    };
    expect(await messageOf(clogged)).toMatch(new RegExp(`client: writes to ${peer}`));
  });

  test("is told so also when the socket has timed out", async () => {
    const twice = async (socket: Socket): Promise<void> => {
      socket.setTimeout(1_000);
      await once(socket, "timeout");
      await once(socket, "timeout");
    };
    expect(await messageOf(twice)).toMatch("waits for what can never happen");
  });
});

test("one that was destroyed cannot connect again", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const { near, far } = await connected(network);
    const socket = near.detach();
    socket.destroy();
    await closed(socket);
    expect(() => socket.connect(7, "server")).toThrow(NetError);
    expect(() => socket.connect(7, "server")).toThrow("cannot connect again");
    far.reset();
  });
});
