// Two threads, or two processes, listen on one port, each by itself: with reusePort, where Node has it.
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parentPort, Worker, workerData } from "node:worker_threads";
import { connect, listen, NetError } from "../../../src/index.js";

const HOST = "127.0.0.1";
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const HAS_REUSE_PORT = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);

const [kind, portOfMain] = process.argv.slice(2);
const FILE = fileURLToPath(import.meta.url);

/** What comes next from the other thread or process. */
async function told(other: Worker | ChildProcess): Promise<unknown> {
  const [message] = (await once(other, "message")) as unknown[];
  return message;
}

async function serverAt(port: number): Promise<string | null> {
  await using connection = await connect(HOST, port);
  return await connection.readLine();
}

async function main(): Promise<void> {
  const listener = await listen(0, { host: HOST, reusePort: HAS_REUSE_PORT });
  const served = (async () => {
    for await (const connection of listener) {
      await connection.writeLine("main");
      await connection.close();
    }
  })();
  const other =
    kind === "threads"
      ? new Worker(FILE, { workerData: listener.port })
      : fork(FILE, ["processes", String(listener.port)]);
  assert.equal(await told(other), "EADDRINUSE");
  assert.equal(await told(other), "listens");
  if (HAS_REUSE_PORT) {
    for (let n = 0; n < 8; n++) assert.ok(["main", "other"].includes((await serverAt(listener.port)) ?? ""));
    await listener.close();
    for (let n = 0; n < 4; n++) assert.equal(await serverAt(listener.port), "other");
  }
  await listener.close();
  await served;
  if (other instanceof Worker) other.postMessage("end");
  else other.disconnect();
  await once(other, "exit");
  console.log("done");
}

async function other(
  port: number,
  tell: (message: unknown) => void,
  stopped: Promise<unknown>,
): Promise<void> {
  const error: unknown = await listen(port, { host: HOST }).catch((failed: unknown) => failed);
  tell(error instanceof NetError && error.code);
  const listener = await listen(HAS_REUSE_PORT ? port : 0, { host: HOST, reusePort: HAS_REUSE_PORT });
  void stopped.then(() => listener.close());
  tell("listens");
  for await (const connection of listener) {
    await connection.writeLine("other");
    await connection.close();
  }
}

if (parentPort !== null) {
  const port = parentPort;
  await other(workerData as number, (message) => port.postMessage(message), once(port, "message"));
} else if (portOfMain !== undefined) {
  await other(Number(portOfMain), (message) => process.send?.(message), once(process, "disconnect"));
} else {
  await main();
}
