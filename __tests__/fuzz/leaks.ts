import { getEventListeners } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** What this process holds: descriptors of sockets, and what keeps it alive. */
export interface Holdings {
  readonly sockets: number;
  readonly resources: readonly string[];
}

export function holdings(): Holdings {
  return {
    sockets: sockets(),
    resources: process.getActiveResourcesInfo().filter((name) => name !== "Immediate"),
  };
}

/** What is held now and was not before; what is being closed has some turns to go. */
export async function leftSince(before: Holdings, patience = 3_000): Promise<string[]> {
  for (let wait = 0; ; wait = wait * 2 + 1) {
    const left = difference(before, holdings());
    if (left.length === 0 || wait > patience) return left;
    if (wait === 0) await new Promise((resolve) => setImmediate(resolve));
    else await sleep(wait, undefined, { ref: false });
  }
}

/** How many listeners all these signals have. */
export function listenersOf(signals: Iterable<AbortSignal>): number {
  let count = 0;
  for (const signal of signals) count += getEventListeners(signal, "abort").length;
  return count;
}

function difference(before: Holdings, now: Holdings): string[] {
  const known = [...before.resources];
  const more = now.resources.filter((name) => {
    const at = known.indexOf(name);
    if (at !== -1) known.splice(at, 1);
    return at === -1;
  });
  const sockets = now.sockets - before.sockets;
  return [...more, ...(sockets > 0 ? [`${String(sockets)} descriptors of sockets`] : [])];
}

/** Descriptors of sockets; 0 where the system does not list them. */
function sockets(): number {
  try {
    return readdirSync("/proc/self/fd").filter((name) => linkOf(name).startsWith("socket:")).length;
  } catch {
    return 0;
  }
}

function linkOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return "";
  }
}
