/**
 * What keeps the process alive beside the handles of sockets. A socket that is not reading keeps no process alive, although
 * its connection is open; a stream of another kind may have no handle at all. One timer that never fires stands in for
 * these. It is not one of the clock: another clock could not keep the process alive.
 */
import { AsyncResource } from "node:async_hooks";
// Imported rather than global: test frameworks replace the globals, and a fake timer holds no process.
import { setInterval } from "node:timers";
import { LONGEST_TIMER_MS } from "./clock.js";

/** Kept: a simulation replaces it for a while in `node:timers` as well. */
const setSystemInterval = setInterval;

let holders = 0;
let timer: NodeJS.Timeout | undefined;

/** Where the timer is set: otherwise the AsyncLocalStorage store of the call that set it would be kept alive. */
const scope = new AsyncResource("tcp6.hold");

/** Keeps the process alive until {@link release} was called as often as this. */
export function hold(): void {
  if (holders++ > 0) return;
  timer ??= scope.runInAsyncScope(() => setSystemInterval(ignore, LONGEST_TIMER_MS));
  timer.ref();
}

/** Takes back one call of {@link hold}. */
export function release(): void {
  if (--holders === 0) timer?.unref();
}

function ignore(): void {
  // The timer is only there to be referred.
}
