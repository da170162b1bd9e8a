/**
 * An HTTP request over a connection of tcp6: Node's client speaks over `connection.duplex` as over a socket of its own.
 *
 *     npx tsx examples/http-over-duplex.ts [url] [milliseconds]
 *
 * The connection adds what HTTP lacks: a bound for connecting, a bound for each wait for the server, and errors that name the
 * peer and the operation that failed.
 */
import { get, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { connect, type Connection } from "tcp6";

const [address = "http://localhost:4242/", milliseconds = "5000"] = process.argv.slice(2);
const url = new URL(address);
const timeout = Number(milliseconds);

try {
  await using connection = await connect(`${url.hostname}:${url.port || "http"}`, {
    timeout,
    readTimeout: timeout,
  });
  const { response, body } = await request(url, connection);
  console.log(`${response.statusCode} ${response.statusMessage}, ${body.length} bytes`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

function request(url: URL, connection: Connection): Promise<{ response: IncomingMessage; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const receive = (response: IncomingMessage): void => {
      buffer(response).then((body) => resolve({ response, body }), reject);
    };
    get(url, { createConnection: () => connection.duplex }, receive).on("error", reject);
  });
}
