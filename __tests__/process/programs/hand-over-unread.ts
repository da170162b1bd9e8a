// Hands clients to a child process some time after they came, several at a time: their lines and their ends have arrived.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connect, listen, type Connection } from "../../../src/index.js";
import { countLinesOfClients } from "../../support/counting-child.js";

const LINES = 1_000;
const CLIENTS = 6;

async function client(port: number): Promise<Connection> {
  const connection = await connect("127.0.0.1", port);
  for (let n = 0; n < LINES; n++) await connection.writeLine(`line ${n}`);
  await connection.closeWrite();
  return connection;
}

async function parent(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ["child"]);
  await once(child, "message");
  const listener = await listen(0, { host: "127.0.0.1", readAhead: 0 });
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => client(listener.port)));
  const accepted: Connection[] = [];
  for (let n = 0; n < CLIENTS; n++) accepted.push(await listener.accept());
  for (let turns = 0; turns < 20; turns++) await turn();
  for (const [index, connection] of accepted.entries()) {
    assert.equal(connection.bytesRead, 0);
    const socket = connection.detach();
    // The program may take its time also after that.
    if (index % 2 === 1) for (let turns = 0; turns < 20; turns++) await turn();
    // Node.js sends one socket at a time, and keeps the others until the child has answered.
    child.send("a client", socket);
  }
  for (const connection of clients) {
    assert.equal(String(await connection.readAll()), `${LINES} lines`);
    await connection.close();
  }
  await listener.close();
  child.disconnect();
  console.log("done");
}

if (process.argv[2] === "child") countLinesOfClients();
else await parent();
