import { getEventListeners, type EventEmitter } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { Socket } from "node:net";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { getHeapStatistics, queryObjects, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Connection } from "../../src/index.js";
import type { Load } from "./scenario.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Counts by name. */
export type Counts = Readonly<Record<string, number>>;

/** Bytes in use once the garbage is gone. */
export interface Memory {
  readonly heap: number;
  /** Memory outside of the heap that objects in the heap hold: buffers, contexts of TLS. */
  readonly external: number;
  /** Contexts of V8 that are not detached, and detached ones. */
  readonly contexts: number;
}

/** Classes that are counted one by one to say what it is that there is more of. */
const CLASSES: Readonly<Record<string, unknown>> = {
  Connection,
  Socket,
  Timeout: timeoutClass(),
  AbortSignal,
  Promise,
};

/** The class of Node's timers, which it does not export. */
function timeoutClass(): unknown {
  const timer = setTimeout(() => undefined, 0);
  clearTimeout(timer);
  return timer.constructor;
}

/** What this process and the long-lived objects of a load hold: what can be counted at any time. */
export function countsOf(load: Load): Counts {
  const counts: Record<string, number> = {};
  const add = (name: string, count = 1) => (counts[name] = (counts[name] ?? 0) + count);
  for (const name of process.getActiveResourcesInfo())
    if (name !== "Immediate") add(`active resources ${name}`);
  for (const kind of descriptors()) add(`descriptors of ${kind}`);
  add("listeners of process", listenersOf(process));
  for (const [name, signal] of Object.entries(load.signals ?? {}))
    add(`listeners of ${name}`, getEventListeners(signal, "abort").length);
  for (const [name, emitter] of Object.entries(load.emitters ?? {}))
    add(`listeners of ${name}`, listenersOf(emitter));
  for (const [name, count] of Object.entries(load.counts ?? {})) add(name, count());
  return counts;
}

/** Counts all objects that are reachable; takes as long as a few collections. */
export function objects(): number {
  return count(Object);
}

/** Counts those of each class. */
export function instances(): Counts {
  return Object.fromEntries(
    Object.entries(CLASSES).map(([name, type]) => [`instances of ${name}`, count(type)]),
  );
}

function count(type: unknown): number {
  return queryObjects(type as () => object, { format: "count" });
}

/** Collects the garbage. More than once: what is freed first may have held something else, or runs code when it is. */
export async function memory(): Promise<Memory> {
  for (let round = 0; round < 2; round++) {
    collect();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  const { number_of_native_contexts: native, number_of_detached_contexts: detached } = getHeapStatistics();
  return { heap: heapUsed, external, contexts: native + detached };
}

/** The counts once none is above `before`, or when that has taken too long; what is closed takes some turns to go. */
export async function settled(load: Load, before: Counts, patience = 3_000): Promise<Counts> {
  for (let wait = 1; ; wait *= 2) {
    const now = countsOf(load);
    if (wait > patience || isWithin(now, before)) return now;
    await sleep(wait);
    // Some of what is garbage closes only when it is collected.
    if (wait > 100) collect();
  }
}

/** Whether no count is above what it was. */
export function isWithin(now: Counts, before: Counts): boolean {
  return Object.entries(now).every(([name, count]) => count <= (before[name] ?? 0));
}

function listenersOf(emitter: Pick<EventEmitter, "eventNames" | "listenerCount">): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
}

/** The kinds of all descriptors; none where the system does not list them. */
function descriptors(): string[] {
  try {
    return readdirSync("/proc/self/fd").flatMap((name) => kindOf(name) ?? []);
  } catch {
    return [];
  }
}

function kindOf(descriptor: string): string | undefined {
  try {
    const target = readlinkSync(`/proc/self/fd/${descriptor}`);
    return target.startsWith("/") ? "files" : `${target.replace(/:.*/, "")}s`;
  } catch {
    // That of the directory that is read.
    return undefined;
  }
}
