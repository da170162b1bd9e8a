import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

/** Lets the event loop turn once, and some times more. */
export async function pass(more: number): Promise<void> {
  for (let count = 0; count <= more; count++) await turn();
}

/** Whether a promise settles within `ms`. */
export async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const stop = new AbortController();
  const late = sleep(ms, false, { signal: stop.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    stop.abort();
  }
}
