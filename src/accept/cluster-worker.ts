import type { Cluster } from "node:cluster";
import process from "node:process";

/** Whether this is a worker of `node:cluster`: its primary binds, unless it is asked for an exclusive server. */
export function isClusterWorker(): boolean {
  // Not imported: a program without workers would load the half that starts them. Node's types describe it as a module.
  return (process.getBuiltinModule("node:cluster") as unknown as Cluster).isWorker;
}
