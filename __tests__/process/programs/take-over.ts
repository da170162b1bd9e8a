// Tries to take over a Unix socket. Says whether it has; if so it serves the clients that say something, until told to end.
import process from "node:process";
import { listen, NetError } from "../../../src/index.js";

async function main(): Promise<void> {
  try {
    await using listener = await listen(process.argv[2] ?? "", { unlinkStale: true, mode: 0o600 });
    console.log("has it");
    for await (const connection of listener) {
      const line = await connection.readLine();
      if (line !== null) await connection.writeLine(`${line} ${String(process.pid)}`);
      await connection.close();
      if (line === "end") break;
    }
  } catch (error) {
    console.log(error instanceof NetError ? error.code : error);
  }
}

await main();
