/** The client of ws, over connections from a factory, with its own server. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import type { AddressInfo, NetConnectOpts } from "node:net";
import { WebSocket, WebSocketServer, type ClientOptions } from "ws";
import { LOCALHOST } from "../support/certificates.js";
import { MEGABYTES, testClientsOf, type Client } from "../support/client-library.js";
import { tlsSources } from "../support/stream-sources.js";

let server: http.Server;
/** The same over TLS. */
let encrypted: https.Server;

beforeAll(async () => {
  server = http.createServer();
  encrypted = https.createServer(LOCALHOST);
  await Promise.all([server, encrypted].map(echoMessages));
});

afterAll(() => {
  server.close();
  encrypted.close();
});

async function echoMessages(of: http.Server): Promise<void> {
  new WebSocketServer({ server: of, maxPayload: 2 * MEGABYTES }).on("connection", (socket) => {
    socket.on("error", () => undefined);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  of.listen(0, "127.0.0.1");
  await once(of, "listening");
}

function placeOf(running: http.Server): NetConnectOpts {
  return { port: (running.address() as AddressInfo).port, host: "127.0.0.1" };
}

/** A client with one WebSocket at a time, as long as that is open. */
function clientOf(options: () => ClientOptions, url = "ws://localhost/"): Client {
  let socket: WebSocket | undefined;
  async function opened(): Promise<WebSocket> {
    if (socket?.readyState === WebSocket.OPEN) return socket;
    socket = new WebSocket(url, { ...options(), maxPayload: 2 * MEGABYTES });
    await once(socket, "open");
    socket.on("error", () => undefined);
    return socket;
  }
  async function echo(bytes: Buffer): Promise<void> {
    const to = await opened();
    const closed = once(to, "close").then(([code]) => {
      throw new Error(`closed with ${String(code)}`);
    });
    to.send(bytes);
    const [answer] = (await Promise.race([once(to, "message"), closed])) as [Buffer];
    expect(bytes.equals(answer)).toBe(true);
  }
  return {
    exchange: () => echo(Buffer.from("hello")),
    transfer: () => echo(randomBytes(MEGABYTES)),
    close: () => socket?.terminate(),
  };
}

describe("createConnection of ws", () => {
  testClientsOf({
    server: () => placeOf(server),
    clientOf: (open) => clientOf(() => ({ createConnection: open as () => never })),
  });
});

describe("createConnection of ws, which is given streams with TLS", () => {
  testClientsOf({
    server: () => placeOf(encrypted),
    sources: tlsSources(),
    clientOf: (open) => clientOf(() => ({ createConnection: open as () => never }), "wss://localhost/"),
  });
});

describe("an agent of ws", () => {
  testClientsOf({
    server: () => placeOf(server),
    clientOf: (open) => clientOf(() => ({ agent: agentOf(() => open()) })),
    clientOfReady: (open) =>
      clientOf(() => ({
        agent: agentOf((_options, answer) => {
          open().then(
            (stream) => answer?.(null, stream),
            (error: unknown) => answer?.(error as Error, undefined as never),
          );
          return undefined;
        }),
      })),
  });
});

function agentOf(createConnection: http.Agent["createConnection"]): http.Agent {
  const agent = new http.Agent();
  agent.createConnection = createConnection;
  return agent;
}
