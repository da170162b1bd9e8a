// A server of which each client says in its first line what it is to do. It says on its output how that went.
import { createHash } from "node:crypto";
import { listen, type Connection, type NetError } from "../../../src/index.js";
import { LOCALHOST } from "../../support/certificates.js";

const plain = await listen(0, { host: "127.0.0.1" });
const secure = await listen(0, { host: "127.0.0.1", tls: LOCALHOST });
console.log(`ports ${plain.port} ${secure.port}`);

async function serveOne(connection: Connection): Promise<void> {
  const order = await connection.readLine();
  if (order === "echo") {
    for await (const line of connection.lines()) await connection.writeLine(line);
  } else if (order === "startTls") {
    await connection.startTls({ ...LOCALHOST, isServer: true });
    throw new Error("there was no handshake to come");
  } else {
    const hash = createHash("sha256");
    let count = 0;
    try {
      for await (const chunk of connection) {
        hash.update(chunk);
        count += chunk.length;
      }
      console.log(`${order} took ${count} ${hash.digest("hex")}.`);
    } catch (error) {
      console.log(`${order} was cut off: ${(error as NetError).code}.`);
    }
  }
  await connection.close();
}

for (const listener of [plain, secure]) {
  void (async () => {
    for await (const connection of listener) serveOne(connection).catch(() => connection.reset());
  })();
}
process.stdin.resume().on("end", () => {
  console.log(`refused ${JSON.stringify(secure.stats.refused)}`);
  process.exit();
});
