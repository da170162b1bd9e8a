/**
 * A TCP proxy: passes on all that its clients and the backend say to each other, until it is interrupted (Ctrl-C).
 *
 *     npx tsx examples/tcp-proxy.ts [port] [backend] [milliseconds]
 *
 * A client is cut off when neither it nor its backend sends anything for that time. A failure ends one client only.
 */
import { setMaxListeners } from "node:events";
import { connect, listen, relay, type Connection } from "tcp6";

const [port = "4242", backend = "localhost:http", milliseconds = "60000"] = process.argv.slice(2);
const idleTimeout = Number(milliseconds);
const shutdown = new AbortController();
const { signal } = shutdown;
setMaxListeners(0, signal); // Each client adds a listener to the signal, and Node 20 would warn of more than ten.

const listener = await listen(port);
console.log(`listening on port ${String(listener.port)}`);
process.once("SIGINT", () => {
  shutdown.abort(new Error("interrupted"));
  void listener.close();
});

for await (const client of listener) void forward(client);
console.log("closed");

async function forward(client: Connection): Promise<void> {
  const name = `${client.remoteAddress} port ${client.remotePort}`;
  try {
    const server = await connect(backend, { timeout: 10_000, signal });
    const [sent, received] = await relay(client, server, { idleTimeout, signal });
    console.log(`${name}: ${sent} bytes sent, ${received} received`);
  } catch (error) {
    client.reset(); // A failed relay has reset it already; after a failed connect() it is still open.
    console.error(`${name}: ${(error as Error).message}`);
  }
}
