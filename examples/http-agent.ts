/**
 * HTTP requests, one after the other, over the connections of an agent. The agent makes its sockets with `connectDuplex`.
 *
 *     npx tsx examples/http-agent.ts [url] [requests] [milliseconds]
 *
 * `http.Agent` needs a socket at once. The Duplex is one that races the addresses of the name, gives up after a deadline, and
 * fails with an error that says what was tried. The agent keeps it for the next request, until the server ends it.
 */
import { Agent, get, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { connectDuplex, type ConnectedDuplex } from "tcp6";

const [address = "http://localhost:4242/", requests = "2", milliseconds = "5000"] = process.argv.slice(2);

class TcpAgent extends Agent {
  override createConnection({ host, port }: { host?: string; port?: number | string }): ConnectedDuplex {
    return connectDuplex(host ?? "localhost", port ?? "http", { timeout: Number(milliseconds) });
  }
}

const agent = new TcpAgent({ keepAlive: true, maxSockets: 1 });
try {
  for (let left = Number(requests); left > 0; left--) {
    const request = get(address, { agent });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const body = await buffer(response);
    const how = request.reusedSocket ? "the same connection" : "a new connection";
    console.log(`${response.statusCode} ${response.statusMessage}, ${body.length} bytes, over ${how}`);
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  agent.destroy();
}
