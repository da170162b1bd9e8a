/**
 * An HTTPS request by HTTP/2 where the server has it, and by HTTP/1.1 otherwise: the two agree in the handshake (ALPN).
 *
 *     npx tsx examples/tls-alpn.ts [host] [port]
 *
 * `example.org 443` asks a public server. Without arguments it asks two servers of its own, one for each protocol.
 */
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { connect as openSession, createSecureServer } from "node:http2";
import { createServer } from "node:https";
import { text } from "node:stream/consumers";
import { generate } from "selfsigned";
import { connect, type Connection } from "tcp6";

const [host, port = "https"] = process.argv.slice(2);
if (host === undefined) await askOwnServers();
else await ask(host, port);

async function ask(host: string, port: string | number, ca?: string): Promise<void> {
  const tls = { ALPNProtocols: ["h2", "http/1.1"], ca };
  await using connection = await connect(host, port, { tls, timeout: 10_000 });
  const { protocol, alpnProtocol } = connection.tls ?? {};
  const page = await (alpnProtocol === "h2"
    ? requestHttp2(host, connection)
    : requestHttp1(host, connection));
  console.log(`${protocol}, ${alpnProtocol}: ${page.length} characters`);
}

async function requestHttp1(host: string, connection: Connection): Promise<string> {
  const request = get({ host, createConnection: () => connection.duplex });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return await text(response);
}

async function requestHttp2(host: string, connection: Connection): Promise<string> {
  const session = openSession(`https://${host}`, { createConnection: () => connection.duplex });
  try {
    return await text(session.request({ ":path": "/" }));
  } finally {
    session.close();
  }
}

async function askOwnServers(): Promise<void> {
  const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }],
  });
  const servers = [
    createSecureServer({ key, cert }, (_request, response) => response.end("by HTTP/2")),
    createServer({ key, cert }, (_request, response) => response.end("by HTTP/1.1")),
  ];
  for (const server of servers) {
    await once(server.listen(0, "localhost"), "listening");
    await ask("localhost", (server.address() as { port: number }).port, cert);
    server.close();
  }
}
