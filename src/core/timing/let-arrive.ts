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

/** Resolves in the next turn of the event loop, behind all that was put off until then. */
export function afterTurn(): Promise<void> {
  return new Promise((resolve) => clockInUse.setImmediate(resolve));
}
