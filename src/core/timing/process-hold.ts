/**
 * What keeps the process alive beside the handles of sockets. A socket that is not reading holds no process, although its
 * connection is open; a stream of another kind need not have a handle at all. One timer that never fires stands in for
 * them: it holds the process while anything counts on it.
 */
import { AsyncResource } from "node:async_hooks";
// Imported rather than global: test frameworks replace the globals, and a fake timer holds no process.
import { setInterval } from "node:timers";
import { LONGEST_TIMER_MS } from "./clock.js";

let holders = 0;
let timer: NodeJS.Timeout | undefined;

/** Where the timer belongs: otherwise the AsyncLocalStorage store of the call that made it would be kept alive. */
const scope = new AsyncResource("tcp6.hold");

/** Keeps the process alive until {@link release} was called as often. */
export function hold(): void {
  if (holders++ > 0) return;
  timer ??= scope.runInAsyncScope(() => setInterval(ignore, LONGEST_TIMER_MS));
  timer.ref();
}

/** Lets the process end if nothing else holds it. */
export function release(): void {
  if (--holders === 0) timer?.unref();
}

function ignore(): void {
  // It is there to be referred to.
}
