/**
 * Sends back to each client what it sends, until it is interrupted (Ctrl-C).
 *
 *     npx tsx examples/echo-server.ts [port]
 *
 * A client that stops reading is no longer read: its own writes wait, and no bytes pile up here.
 */
import { listen, type Connection } from "tcp6";

const listener = await listen(process.argv[2] ?? 4242);
console.log(`listening on port ${String(listener.port)}`);
process.once("SIGINT", () => void listener.close());

for await (const connection of listener) {
  // Not awaited: the next client need not wait for this one.
  echo(connection).catch((error: unknown) => console.error(String(error)));
}
console.log("closed");

async function echo(connection: Connection): Promise<void> {
  await using client = connection;
  for await (const chunk of client) await client.write(chunk);
}
