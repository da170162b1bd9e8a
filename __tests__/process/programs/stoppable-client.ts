// Clients that can be stopped, of the server at `stoppable-client.ts PORT`. What they are sent tells them what to do.
import { createHash } from "node:crypto";
import { connect, type NetError } from "../../../src/index.js";

const port = Number(process.argv[2]);

async function client(order: string): Promise<void> {
  const connection = await connect("127.0.0.1", port);
  await connection.writeLine(order);
  const hash = createHash("sha256");
  let count = 0;
  try {
    for await (const chunk of connection) {
      hash.update(chunk);
      count += chunk.length;
    }
    console.log(`${order} took ${count} ${hash.digest("hex")}.`);
    await connection.close();
  } catch (error) {
    console.log(`${order} was cut off: ${(error as NetError).code}.`);
  }
}

await Promise.all(process.argv.slice(3).map(client));
