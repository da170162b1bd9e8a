/**
 * Starts the workers of a fleet. SIGHUP replaces them one by one, SIGTERM ends them.
 *
 *     node --import tsx examples/fleet/fleet.ts examples/fleet/worker.ts 127.0.0.1:4301,4401 127.0.0.1:4302,4402 …
 *
 * Each worker is given an endpoint and the port of its health check. The next one is replaced when HAProxy has found the
 * one before in good health. If a new worker does not start, the others are left as they are. Signals go to this process
 * alone, not to its group.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";

const [program = "", ...places] = process.argv.slice(2);
const workers = new Map<string, ChildProcess>();

let work = Promise.all(places.map(start)).then(() => console.log("in service"));
process.on("SIGHUP", () => void (work = work.then(rollOver)));
process.once("SIGTERM", () => void (work = work.then(stopAll)));

async function start(place: string): Promise<void> {
  const worker = fork(program, place.split(","));
  workers.set(place, worker);
  const [said] = (await Promise.race([once(worker, "message"), once(worker, "exit")])) as unknown[];
  if (said !== "in service") throw new Error(`the worker at ${place} has not come into service`);
}

async function stop(place: string): Promise<void> {
  const worker = workers.get(place);
  if (worker === undefined || worker.exitCode !== null || worker.signalCode !== null) return;
  worker.kill("SIGTERM");
  await once(worker, "exit");
}

async function rollOver(): Promise<void> {
  try {
    for (const place of places) {
      await stop(place);
      await start(place);
    }
    console.log("rolled over");
  } catch (error) {
    console.error((error as Error).message);
  }
}

async function stopAll(): Promise<void> {
  await Promise.all(places.map(stop));
}
