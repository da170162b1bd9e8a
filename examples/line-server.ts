/**
 * A store of values, with a line for each request: `SET key value`, `GET key` or `ALL`. Ctrl-C ends it.
 *
 *     npx tsx examples/line-server.ts [port] [ms]
 *
 * Slow clients do not hold up others: one that is silent for that time, or that takes nothing for so long, is reset; so is one
 * whose line is too long. Each answer is awaited, so a client that does not read is not read either.
 */
import { listen, NetError, serve, type Connection } from "tcp6";

const [port = "4242", ms = "30000"] = process.argv.slice(2);
const values = new Map<string, string>();
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const timeouts = { readTimeout: Number(ms), writeTimeout: Number(ms) };
const listener = await listen(port, { ...timeouts, maxConnections: 2_000 });
console.log(`listening on port ${String(listener.port)}`);
await serve(listener, converse, {
  ...{ signal: stop.signal, grace: 1_000, concurrency: 1_000, perAddress: 500 },
  onError: (error) => console.log(error instanceof NetError ? `cut off: ${error.code}` : error),
});
console.log("closed");

async function converse(connection: Connection): Promise<void> {
  for await (const line of connection.lines({ limit: 1_000 })) await connection.write(answerTo(line));
}

function answerTo(line: string): string {
  const [verb, key = "", ...words] = line.split(" ");
  if (verb === "ALL") return [...values].map(([name, value]) => `${name} ${value}\n`).join("") + "OK\n";
  if (verb === "GET") return `${values.get(key) ?? ""}\nOK\n`;
  if (verb !== "SET") return "what?\n";
  values.set(key, words.join(" "));
  return "OK\n";
}
