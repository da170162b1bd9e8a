// Sends each line back, and the listener's stats for the line "stats", until its input ends.
import { listen, type Connection } from "../../../src/index.js";

const listener = await listen("127.0.0.1:0", { maxConnections: Number(process.argv[2]) });

async function echo(connection: Connection): Promise<void> {
  for await (const line of connection.lines()) {
    await connection.writeLine(line === "stats" ? JSON.stringify(listener.stats) : line);
  }
  await connection.close();
}

process.stdin.resume().on("end", () => void listener.close());
console.log(`port ${listener.port}`);
for await (const connection of listener) echo(connection).catch(() => connection.reset());
console.log("done");
