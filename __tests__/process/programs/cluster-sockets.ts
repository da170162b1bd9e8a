// Two workers of a cluster listen on a Unix socket that a crash has left, and on descriptor 3. One of them is killed.
// `cluster-sockets <rr | none> PATH`: who gives out the clients.
import assert from "node:assert/strict";
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { existsSync } from "node:fs";
import process from "node:process";
import { connect, listen, listenFds, NetError, type Listener } from "../../../src/index.js";

const [, , policy, path = ""] = process.argv;

interface Told {
  readonly port: number;
  readonly refusal: string;
}

async function told(worker: Worker): Promise<Told> {
  const [message] = (await once(worker, "message")) as [Told];
  return message;
}

/** Which process serves a client of an endpoint. */
async function serverAt(endpoint: { path: string } | { host: string; port: number }): Promise<number> {
  await using connection = await connect(endpoint);
  await connection.writeLine("who are you?");
  return Number(await connection.readLine());
}

async function primary(): Promise<void> {
  if (policy === "none") cluster.schedulingPolicy = cluster.SCHED_NONE;
  // As the service manager would, which has started the primary.
  Object.assign(process.env, { LISTEN_PID: String(process.pid), LISTEN_FDS: "1", LISTEN_FDNAMES: "web" });
  const [one, two] = [cluster.fork(), cluster.fork()];
  const [{ port, refusal }, other] = await Promise.all([told(one), told(two)]);
  assert.equal(other.port, port);
  assert.equal(refusal, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM");
  assert.equal(existsSync(`${path}.lock`), false);

  const places = [{ path }, { host: "127.0.0.1", port }];
  const pids = [one, two].map((worker) => worker.process.pid);
  for (const place of places) assert.ok(pids.includes(await serverAt(place)));
  one.process.kill("SIGKILL");
  await once(one, "exit");
  for (const place of [...places, ...places]) assert.equal(await serverAt(place), two.process.pid);

  two.disconnect();
  await once(two, "exit");
  assert.equal(existsSync(path), false);
  console.log("done");
}

async function serveAll(listener: Listener): Promise<void> {
  for await (const connection of listener) {
    // The other worker connects, too: to see whether the path is stale.
    if ((await connection.readLine()) !== null) await connection.writeLine(String(process.pid));
    await connection.close();
  }
}

async function worker(): Promise<void> {
  const sockets = listenFds();
  assert.deepEqual(sockets, [{ fd: 3, name: "web" }]);
  const onPath = await listen(path, { unlinkStale: true });
  const onDescriptor = await listen(sockets[0] ?? 0);
  const noSuch: unknown = await listen({ fd: 999 }).catch((error: unknown) => error);
  assert.ok(noSuch instanceof NetError && noSuch.code === "EINVAL", noSuch as Error);
  assert.match(noSuch.message, /the primary of this cluster has no such descriptor/);
  const refusal: unknown = await listen(`${path}-2`, { mode: 0o600 }).catch((error: unknown) => error);
  process.send?.({ port: onDescriptor.port, refusal: refusal instanceof NetError && refusal.code });
  await Promise.all([serveAll(onPath), serveAll(onDescriptor)]);
}

await (cluster.isPrimary ? primary() : worker());
