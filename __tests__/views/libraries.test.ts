/** Node's own protocols over a connection: as the Duplex they are given, and as the socket that is handed over. */
import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import { connect as tlsConnect, TLSSocket } from "node:tls";
import type { Connection } from "../../src/index.js";
import { closeAll, pair } from "../support/peers.js";
import { SELF_SIGNED } from "../support/certificates.js";

const BODY = Buffer.alloc(300_000, "body");

let client: Connection;
let server: Connection;

beforeEach(async () => {
  ({ client, server } = await pair());
});

afterEach(closeAll);

async function bodyOf(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe("http", () => {
  test.each([
    ["duplex", () => server.duplex],
    ["detach", () => server.detach()],
  ])("is served over %s to a client over duplex, one request after the other", async (_name, served) => {
    const origin = http.createServer((request, response) => request.pipe(response));
    origin.emit("connection", served());
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    agent.createConnection = () => client.duplex;
    for (let n = 0; n < 3; n++) {
      const request = http.request({ agent, host: "localhost", method: "POST", timeout: 10_000 });
      request.end(BODY);
      const [response] = (await once(request, "response")) as [http.IncomingMessage];
      expect((await bodyOf(response)).equals(BODY)).toBe(true);
    }
    agent.destroy();
    await client.closed;
    origin.close();
  });

  test("is served over detach with a request that had arrived", async () => {
    const origin = http.createServer((_request, response) => response.end("hello"));
    await client.write(
      "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    while (server.readableLength === 0) await new Promise((resolve) => setImmediate(resolve));
    origin.emit("connection", server.detach());
    expect(String(await client.readAll()).match(/hello/g)).toHaveLength(2);
    await client.close();
  });

  test("a server that closes its connections closes those of their agent, unless they stay half-open", async () => {
    const origin = http.createServer((_request, response) => response.end("hello"));
    // A server that is fed by hand only looks after its connections when it believes that it listens.
    origin.emit("listening");
    origin.emit("connection", server.duplex);
    const agent = new http.Agent({ keepAlive: true });
    agent.createConnection = () => client.duplex;
    client.duplex.allowHalfOpen = false;
    const [response] = (await once(http.get({ agent, host: "localhost" }), "response")) as [
      http.IncomingMessage,
    ];
    await once(response.resume(), "end");
    const closed = once(client.duplex, "close");
    while (Object.keys(agent.freeSockets).length === 0) await new Promise((resolve) => setImmediate(resolve));
    origin.closeAllConnections();
    await closed;
    await Promise.all([client.closed, server.closed]);
    expect(Object.keys(agent.freeSockets)).toEqual([]);
    origin.close();
  });

  test("a request's timeout is that of its socket", async () => {
    const origin = http.createServer(() => undefined);
    origin.emit("connection", server.duplex);
    const request = http.get({ createConnection: () => client.duplex });
    await once(request.setTimeout(50), "timeout");
    request.on("error", () => undefined).destroy();
    await Promise.allSettled([client.closed, server.closed]);
    origin.close();
  });

  test("a request that is destroyed resets the connection", async () => {
    const request = http.get({ createConnection: () => client.duplex });
    request.on("error", () => undefined);
    await server.readUntil("\r\n\r\n");
    request.destroy(new Error("never mind"));
    await expect(server.read()).rejects.toMatchObject({ code: "ECONNRESET" });
    await client.closed;
  });
});

describe("tls", () => {
  test("runs over duplex at both ends", async () => {
    const accepted = new TLSSocket(server.duplex, { isServer: true, ...SELF_SIGNED });
    const encrypted = tlsConnect({
      socket: client.duplex,
      ca: SELF_SIGNED.cert,
      servername: "localhost",
    });
    await once(encrypted, "secureConnect");
    accepted.pipe(accepted);
    encrypted.end(BODY);
    expect((await bodyOf(encrypted)).equals(BODY)).toBe(true);
    await Promise.all([client.closed, server.closed]);
  });

  test("https takes a socket that was detached", async () => {
    const origin = https.createServer(SELF_SIGNED, (request, response) => request.pipe(response));
    origin.emit("connection", server.detach());
    const request = https.request({
      createConnection: () =>
        tlsConnect({ socket: client.detach(), ca: SELF_SIGNED.cert, servername: "localhost" }),
      method: "POST",
    });
    request.end(BODY);
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    expect((await bodyOf(response)).equals(BODY)).toBe(true);
    origin.close();
  });
});

test("http2 runs over duplex at both ends", async () => {
  const origin = http2.createServer();
  origin.on("stream", (stream) => {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  });
  origin.emit("connection", server.duplex);
  const session = http2.connect("http://localhost", { createConnection: () => client.duplex });
  const requests = Array.from({ length: 5 }, async () => {
    const request = session.request({ ":method": "POST", ":path": "/" });
    request.end(BODY);
    return bodyOf(request);
  });
  for (const body of await Promise.all(requests)) expect(body.equals(BODY)).toBe(true);
  session.close();
  await Promise.all([client.closed, server.closed]);
  origin.close();
});
