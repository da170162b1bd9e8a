import { cancel, clock as clockInUse, type Clock } from "./clock.js";

/**
 * Calls back once the sockets have been polled; disposing of the result cancels that. In a turn of the event loop timers
 * come before sockets. So after a long turn a timer fires although the kernel already has what the call waits for: that is
 * to arrive first, and only calls that still wait have run out of time.
 */
export function letArrive(clock: Clock, callback: () => void): Disposable {
  // Two turns: in Bun and Deno the first may come before the sockets, too.
  let turn = clock.setImmediate(() => {
    turn = clock.setImmediate(callback);
  });
  return { [Symbol.dispose]: () => cancel(turn) };
}

/** Turns without progress after which a stream has reported all that it takes at once. */
const QUIET_TURNS = 2;

/**
 * Calls back once a stream has reported what it takes at once of `unsent()` bytes. Streams that are no sockets of the kernel's
 * report each write a turn of the event loop later, and a TLS socket one more turn later if a write came from within such a report.
 */
export function letReport(unsent: () => number, callback: () => void): void {
  let before = Infinity;
  let quiet = 0;
  const look = (): void => {
    const now = unsent();
    quiet = now < before ? 0 : quiet + 1;
    before = now;
    if (now === 0 || quiet === QUIET_TURNS) callback();
    else clockInUse.setImmediate(look);
  };
  clockInUse.setImmediate(look);
}
