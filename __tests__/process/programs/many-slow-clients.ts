// A server in a process with a small heap. The first byte of a client says what the server waits for; the client sends only a part of it.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { lengthPrefixed, listen, NetError, serve, type Connection } from "../../../src/index.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const path = process.argv[2] ?? "";
const stop = new AbortController();
const listener = await listen({ path });
/** What handlers have failed with. The errors themselves would hold memory. */
const failures = new Set<string>();

/** Bytes that are in use when the garbage is gone. */
async function used(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What is waited for, by the first byte of the client. */
const WAITS: Readonly<Record<string, (connection: Connection) => Promise<unknown>>> = {
  async l(connection) {
    for await (const line of connection.lines()) await connection.writeLine(line);
  },
  async f(connection) {
    for await (const frame of lengthPrefixed(connection)) await connection.write(frame);
  },
  async r(connection) {
    await connection.write(await connection.readExactly(100, { timeout: 600_000 }));
  },
  async m(connection) {
    for await (const order of connection.lines()) {
      if (order === "stop") stop.abort();
      await connection.writeLine(`${listener.stats.open} ${await used()}`);
    }
  },
};

const serving = serve(
  listener,
  async (connection) => {
    const kind = String(await connection.readExactly(1));
    await connection.write("!");
    await WAITS[kind]?.(connection);
  },
  {
    signal: stop.signal,
    onError: (error) => failures.add(error instanceof NetError ? error.code : String(error)),
  },
);
console.log("listening");
await serving;
console.log(`failures: ${[...failures].sort().join()}`);
console.log("done");
