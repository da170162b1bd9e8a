/**
 * Answers requests, each a line, until it is told to end (SIGTERM): then it answers the requests that it has begun, closes
 * idle connections, and ends. Told a second time, it ends at once.
 *
 *     npx tsx examples/graceful-server.ts [port] [seconds of grace]
 */
import { setTimeout as sleep } from "node:timers/promises";
import { listen, serve, type Connection } from "tcp6";

const [port = "4242", grace = "10"] = process.argv.slice(2);
const stop = new AbortController();
const force = new AbortController();
process.on("SIGTERM", () => (stop.signal.aborted ? force : stop).abort());

const listener = await listen(port, { maxConnections: 10_000, closeOn: force.signal });
console.log(`listening on port ${String(listener.port)}`);
await serve(listener, answer, { signal: stop.signal, grace: Number(grace) * 1_000 });
console.log(`closed after ${String(listener.stats.accepted)} connections`);

async function answer(connection: Connection, { signal }: { signal: AbortSignal }): Promise<void> {
  for (let request = await next(connection); request !== null; request = await next(connection)) {
    await sleep(Number(request), undefined, { signal }); // The work, in ms, which ends with the grace.
    await connection.writeLine(`done: ${request}`);
  }
}

/** The next request; `null` if the client has no more, or the server ends. */
async function next(connection: Connection): Promise<string | null> {
  if (stop.signal.aborted) return null;
  return connection.readLine({ signal: stop.signal }).catch((error: unknown) => {
    if (stop.signal.aborted) return null;
    throw error;
  });
}
