// Two workers of a cluster listen on a name of several addresses. `cluster <rr | none> [tls]`: who gives out the clients.
import assert from "node:assert/strict";
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import process from "node:process";
import { connect, listen, NetError } from "../../../src/index.js";
import { systemNetwork, useNetwork } from "../../../src/core/network.js";
import { AUTHORITY, LOCALHOST } from "../../support/certificates.js";

const WITH_TLS = process.argv[3] === "tls";

/** Kept, so that the client comes with the session of one worker to the other. */
const TLS = { ca: AUTHORITY, servername: "localhost" };

const HERE = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];

/** What a worker says next. */
async function told(worker: Worker): Promise<unknown> {
  const [message] = (await once(worker, "message")) as unknown[];
  return message;
}

let sessions = 0;

/** Who serves clients at `host`. The workers resume each other's sessions. */
async function serverAt(host: string, port: number): Promise<string | null> {
  const connection = await connect(host, port, WITH_TLS ? { tls: TLS } : {});
  const name = await connection.readLine();
  if (WITH_TLS) assert.equal(connection.tls?.sessionReused, sessions++ > 0);
  await connection.close();
  return name;
}

async function primary(): Promise<void> {
  if (process.argv[2] === "none") cluster.schedulingPolicy = cluster.SCHED_NONE;
  const [one, two] = [cluster.fork(), cluster.fork()];
  const ports = await Promise.all([told(one), told(two)]);
  const port = ports[0] as number;
  assert.equal(ports[1], port);

  for (const host of HERE) {
    assert.ok([one.process.pid, two.process.pid].map(String).includes((await serverAt(host, port)) ?? ""));
  }
  one.send("close");
  assert.equal(await told(one), "closed");
  for (const host of HERE) assert.equal(await serverAt(host, port), String(two.process.pid));

  two.disconnect();
  await once(two, "exit");
  for (const host of HERE) {
    const error: unknown = await connect(host, port).catch((reason: unknown) => reason);
    assert.ok(error instanceof NetError && error.code === "ECONNREFUSED", error as Error);
  }
  one.disconnect();
  await once(one, "exit");
  console.log("done");
}

async function worker(): Promise<void> {
  useNetwork({ ...systemNetwork, lookup: (_name, _request, callback) => callback(null, HERE) });
  const listener = await listen("several.test:0", WITH_TLS ? { tls: LOCALHOST } : {});
  process.on("message", () => void listener.close().then(() => process.send?.("closed")));
  process.send?.(listener.port);
  for await (const connection of listener) {
    await connection.writeLine(String(process.pid));
    await connection.close();
  }
}

await (cluster.isPrimary ? primary() : worker());
