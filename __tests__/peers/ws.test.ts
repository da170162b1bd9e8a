/** The client of ws, over connections from a factory, with its own server. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer, type ClientOptions } from "ws";
import { MEGABYTES, testClientsOf, type Client } from "../support/client-library.js";

let server: WebSocketServer;

beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: "127.0.0.1", maxPayload: 2 * MEGABYTES });
  server.on("connection", (socket) => {
    socket.on("error", () => undefined);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await once(server, "listening");
});

afterAll(() => {
  for (const client of server.clients) client.terminate();
  server.close();
});

/** A client with one WebSocket at a time, as long as that is open. */
function clientOf(options: () => ClientOptions): Client {
  let socket: WebSocket | undefined;
  async function opened(): Promise<WebSocket> {
    if (socket?.readyState === WebSocket.OPEN) return socket;
    socket = new WebSocket("ws://localhost/", { ...options(), maxPayload: 2 * MEGABYTES });
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
    server: () => ({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" }),
    clientOf: (open) => clientOf(() => ({ createConnection: open as () => never })),
  });
});

describe("an agent of ws", () => {
  testClientsOf({
    server: () => ({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" }),
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
