import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { getHeapStatistics } from "node:v8";
import type { Listener } from "../../../src/index.js";
import { onStage, type Action, type Numbers } from "../../stage.js";

/** How often the numbers are looked at whose highest is reported. */
const LOOK_MS = 20;

/** What a server was told on its command line. */
export function told(): unknown {
  return JSON.parse(process.argv[2] ?? "{}");
}

/** Puts a server on stage: it answers how many connections it has, and what they cost. */
export function watch(listener: () => Listener, actions: Readonly<Record<string, Action>> = {}): void {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  let [mostConnections, mostPending, mostHeap, mostRss] = [0, 0, 0, 0];
  const look = (): void => {
    mostHeap = Math.max(mostHeap, heap());
    mostRss = Math.max(mostRss, rss());
    mostConnections = Math.max(mostConnections, listener().connections);
    mostPending = Math.max(mostPending, listener().pending);
  };
  setInterval(look, LOOK_MS);

  /** The most are those since {@link rest} was asked. */
  const state = (): Numbers => {
    look();
    const { connections, pending, stats } = listener();
    const { accepted, open, dropped, refused } = stats;
    return {
      ...{ connections, pending, accepted, open, dropped, ...refused },
      ...{ mostConnections, mostPending, mostHeap, mostRss, rss: rss(), heap: heap() },
      ...{ delay99: delay.percentile(99) / 1e6, delayMost: delay.max / 1e6 },
      ...process.cpuUsage(),
      time: performance.now() * 1e3,
    };
  };

  /** What is left once the garbage is gone. */
  const rest = (): Numbers => {
    gc?.();
    gc?.();
    [mostConnections, mostPending, mostHeap, mostRss] = [0, 0, 0, 0];
    setImmediate(() => delay.reset());
    return { heap: heap(), descriptors: readdirSync("/proc/self/fd").length };
  };

  onStage({ port: listener().port }, { state, rest, ...actions });
}

function heap(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

let lastRss = 0;

/** Memory of the process. Node reads it from a file: without a descriptor left, this is what it was before. */
function rss(): number {
  try {
    return (lastRss = process.memoryUsage.rss());
  } catch {
    return lastRss;
  }
}
