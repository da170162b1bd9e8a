// Hands the clients of two listeners, in turn, to a child process, which counts their lines and answers each.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { connect, listen } from "../../../src/index.js";
import { countLinesOfClients } from "../../support/counting-child.js";

const LINES = 3_000;

async function parent(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ["child"]);
  await once(child, "message");
  const listeners = [await listen(0, { host: "127.0.0.1" }), await listen(0, { host: "127.0.0.1" })];
  for (const listener of [...listeners, ...listeners]) {
    const client = await connect("127.0.0.1", listener.port);
    for (let n = 0; n < LINES / 2; n++) await client.writeLine(`line ${n}`);
    child.send("a client", (await listener.accept()).detach());
    for (let n = LINES / 2; n < LINES; n++) await client.writeLine(`line ${n}`);
    await client.closeWrite();
    assert.equal(String(await client.readAll()), `${LINES} lines`);
    await client.close();
  }
  for (const listener of listeners) await listener.close();
  child.disconnect();
  console.log("done");
}

if (process.argv[2] === "child") countLinesOfClients();
else await parent();
