// Accepts one client on descriptor 3, which the parent process has opened, greets it and ends. `listen-on-descriptor [tls]`
import process from "node:process";
import { listen } from "../../../src/index.js";
import { LOCALHOST } from "../../support/certificates.js";

async function main(): Promise<void> {
  const listener = await listen({ fd: 3 }, process.argv[2] === "tls" ? { tls: LOCALHOST } : {});
  console.log(listener.port);
  const connection = await listener.accept({ timeout: 10_000 });
  await connection.writeLine(`on descriptor ${String(listener.fd)}`);
  await connection.close();
  await listener.close();
}

await main();
