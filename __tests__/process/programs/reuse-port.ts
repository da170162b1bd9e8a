// Two threads listen on one port, each by itself: with reusePort, where Node has it.
import assert from "node:assert/strict";
import { once } from "node:events";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { connect, listen, NetError } from "../../../src/index.js";

const HOST = "127.0.0.1";
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const HAS_REUSE_PORT = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);

/** What comes next from a thread. */
async function told(thread: Worker): Promise<unknown> {
  const [message] = (await once(thread, "message")) as unknown[];
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
  const thread = new Worker(fileURLToPath(import.meta.url), { workerData: listener.port });
  assert.equal(await told(thread), "EADDRINUSE");
  if (HAS_REUSE_PORT) {
    assert.equal(await told(thread), "listens");
    for (let n = 0; n < 8; n++) assert.ok(["main", "thread"].includes((await serverAt(listener.port)) ?? ""));
    await listener.close();
    for (let n = 0; n < 4; n++) assert.equal(await serverAt(listener.port), "thread");
  }
  await listener.close();
  await served;
  thread.postMessage("end");
  await once(thread, "exit");
  console.log("done");
}

async function thread(): Promise<void> {
  const port = workerData as number;
  const error: unknown = await listen(port, { host: HOST }).catch((failed: unknown) => failed);
  parentPort?.postMessage(error instanceof NetError && error.code);
  const listener = await listen(HAS_REUSE_PORT ? port : 0, { host: HOST, reusePort: HAS_REUSE_PORT });
  parentPort?.once("message", () => void listener.close());
  parentPort?.postMessage("listens");
  for await (const connection of listener) {
    await connection.writeLine("thread");
    await connection.close();
  }
}

await (isMainThread ? main() : thread());
