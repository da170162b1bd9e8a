/** Servers that are given the connections which a listener of this library has accepted. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import { connect as netConnect } from "node:net";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { ServerCredentials } from "@grpc/grpc-js";
import { createTransport } from "nodemailer";
import { SMTPServer } from "smtp-server";
import { WebSocket, WebSocketServer } from "ws";
import { listen, type Connection, type Listener } from "../../src/index.js";
import { BreakingProxy } from "../support/breaking-proxy.js";
import { SELF_SIGNED } from "../support/certificates.js";
import { MEGABYTES } from "../support/client-library.js";
import { EchoClient, echoServer } from "../support/grpc.js";
import { until } from "../support/outcomes.js";
import { tcpResources } from "../support/resources.js";
import type { Place } from "../support/stream-sources.js";

/** A server that does not listen itself. */
interface Takes {
  take(stream: Duplex): void;
  close(): void;
}

interface ServerLibrary {
  readonly name: string;
  start(): Takes;
  /** Sends bytes over one connection, which stays open, and resolves to their echo. */
  client(place: Place): { echo(bytes: Buffer): Promise<Buffer>; close(): void };
  /** The half-open gifts that it leaves open though their client has ended: names of {@link GIFTS}. */
  readonly leavesOpen?: readonly string[];
}

interface Gift {
  readonly name: string;
  of(connection: Connection): Duplex;
}

const GIFTS: readonly Gift[] = [
  { name: "detach", of: (connection) => connection.detach() },
  {
    name: "detach, half-open",
    of: (connection) => connection.detach({ allowHalfOpen: true }),
  },
  { name: "duplex", of: (connection) => connection.duplex },
  {
    name: "duplex, with allowHalfOpen = false",
    of: (connection) => Object.assign(connection.duplex, { allowHalfOpen: false }),
  },
];

const LIBRARIES: readonly ServerLibrary[] = [
  {
    name: "http.Server",
    start() {
      const server = http.createServer((request, response) => request.pipe(response));
      return { take: (stream) => void server.emit("connection", stream), close: () => server.close() };
    },
    client({ host, port }) {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      return {
        async echo(bytes) {
          const request = http.request({ agent, host, port, method: "POST" }).end(bytes);
          const [response] = (await once(request, "response")) as [http.IncomingMessage];
          return buffer(response);
        },
        close: () => agent.destroy(),
      };
    },
  },
  {
    name: "http2.createServer",
    leavesOpen: ["detach, half-open"],
    start() {
      const server = http2.createServer();
      server.on("stream", echoStream);
      return { take: (stream) => void server.emit("connection", stream), close: () => server.close() };
    },
    client: ({ host, port }) => http2Client(http2.connect(`http://${host}:${String(port)}`)),
  },
  {
    name: "http2.createSecureServer",
    leavesOpen: ["detach, half-open", "duplex"],
    start() {
      const server = http2.createSecureServer(SELF_SIGNED);
      server.on("stream", echoStream);
      server.on("tlsClientError", () => undefined);
      return { take: (stream) => void server.emit("connection", stream), close: () => server.close() };
    },
    client: ({ host, port }) =>
      http2Client(http2.connect(`https://${host}:${String(port)}`, { ca: SELF_SIGNED.cert })),
  },
  {
    name: "@grpc/grpc-js",
    leavesOpen: ["detach, half-open"],
    start() {
      const server = echoServer();
      const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
      return {
        take: (stream) => injector.injectConnection(stream),
        close() {
          injector.destroy();
          server.forceShutdown();
        },
      };
    },
    client: ({ host, port }) => new EchoClient(`${host}:${String(port)}`),
  },
  {
    name: "ws",
    start() {
      const sockets = new WebSocketServer({ noServer: true });
      sockets.on("connection", (socket) => {
        socket.on("error", () => undefined);
        socket.on("message", (data) => socket.send(data));
      });
      const server = http.createServer();
      server.on("upgrade", (request, stream, head) => {
        sockets.handleUpgrade(request, stream, head, (socket) => sockets.emit("connection", socket, request));
      });
      return { take: (stream) => void server.emit("connection", stream), close: () => sockets.close() };
    },
    client({ host, port }) {
      const socket = new WebSocket(`ws://${host}:${String(port)}/`);
      socket.on("error", () => undefined);
      return {
        async echo(bytes) {
          if (socket.readyState === WebSocket.CONNECTING) await once(socket, "open");
          socket.send(bytes);
          const [echo] = (await once(socket, "message")) as [Buffer];
          return echo;
        },
        close: () => socket.terminate(),
      };
    },
  },
  {
    name: "smtp-server",
    leavesOpen: ["detach, half-open", "duplex"],
    start() {
      const server = new SMTPServer({
        authOptional: true,
        disabledCommands: ["STARTTLS", "AUTH"],
        disableReverseLookup: true,
        onData(stream, _session, callback) {
          buffer(stream).then((bytes) => {
            mailed = bytes;
            callback();
          }, callback);
        },
      });
      server.on("error", () => undefined);
      return {
        take: (stream) => void server.server.emit("connection", stream),
        close: () => server.close(),
      };
    },
    client({ host, port }) {
      const transport = createTransport({ pool: true, maxConnections: 1, maxRequeues: 0, host, port });
      return {
        async echo(bytes) {
          const text = `Subject: x\r\n\r\n${bytes.toString("base64").replace(/.{1,76}/g, "$&\r\n")}`;
          const envelope = { from: "a@example.org", to: "b@example.org" };
          await transport.sendMail({ envelope, raw: text });
          expect(mailed.toString() === text).toBe(true);
          return Buffer.from(text.slice(text.indexOf("\r\n\r\n")), "base64");
        },
        close: () => transport.close(),
      };
    },
  },
];

let mailed: Buffer;

function echoStream(stream: http2.ServerHttp2Stream): void {
  stream.on("error", () => undefined);
  stream.respond({ ":status": 200 });
  stream.pipe(stream);
}

function http2Client(session: http2.ClientHttp2Session): ReturnType<ServerLibrary["client"]> {
  session.on("error", () => undefined);
  return {
    async echo(bytes) {
      const request = session.request({ ":method": "POST", ":path": "/" });
      request.end(bytes);
      return buffer(request);
    },
    close: () => session.destroy(),
  };
}

describe.each(LIBRARIES)("$name", (library) => {
  describe.each(GIFTS)("given $name", (gift) => {
    const stays = library.leavesOpen?.includes(gift.name) === true;
    let before: number;
    let listener: Listener & { readonly port: number };
    let accepting: Promise<void>;
    let connections: Connection[];
    let given: Duplex[];
    let proxy: BreakingProxy;
    let server: Takes;
    let client: ReturnType<ServerLibrary["client"]>;

    async function accept(): Promise<void> {
      for await (const connection of listener) {
        const stream = gift.of(connection);
        connections.push(connection);
        given.push(stream);
        server.take(stream);
      }
    }

    beforeEach(async () => {
      before = tcpResources().length;
      [connections, given] = [[], []];
      server = library.start();
      listener = await listen({ host: "127.0.0.1", port: 0 });
      accepting = accept();
      proxy = await BreakingProxy.open({ host: "127.0.0.1", port: listener.port });
      client = library.client(proxy);
    });

    afterEach(async () => {
      client.close();
      await proxy[Symbol.asyncDispose]();
      await listener.close();
      await accepting;
      server.close();
      if (stays) for (const stream of given) stream.destroy();
      await Promise.allSettled(connections.map(({ closed }) => closed));
      await until(function nothingMoreOfTcpIsOpen() {
        return tcpResources().length <= before;
      });
    });

    test("an exchange, and 5 MB, over one connection", async () => {
      for (const bytes of [Buffer.from("hello"), randomBytes(MEGABYTES)]) {
        expect(bytes.equals(await client.echo(bytes))).toBe(true);
      }
      expect(connections).toHaveLength(1);
    });

    if (library.name === "http.Server" && /^duplex$|half-open$/.test(gift.name)) {
      test("the client ends its side before it has its answer: it gets the answer", async () => {
        const socket = netConnect({ host: "127.0.0.1", port: listener.port, allowHalfOpen: true });
        socket.end("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        expect(String(await buffer(socket))).toMatch(/^HTTP\/1\.1 200 OK[^]*hello/);
      });
    }

    if (stays) {
      test("the client ends: the server leaves the connection open", async () => {
        await client.echo(Buffer.from("hello"));
        await expect(proxy.hangUp(50)).rejects.toThrow("theServerHasEndedAllToo");
      });
    } else {
      test("the client ends: the server ends, too", async () => {
        await client.echo(Buffer.from("hello"));
        await proxy.hangUp();
        await Promise.all(connections.map(({ closed }) => closed));
      });
    }

    test("the client is killed: the server frees the connection", async () => {
      await client.echo(Buffer.from("hello"));
      proxy.kill();
      await Promise.allSettled(connections.map(({ closed }) => closed));
    });
  });
});
