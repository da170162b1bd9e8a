import { cancel, type Clock } from "./clock.js";

/**
 * Calls back once the sockets have been polled; disposing of the result cancels it. Timers go before sockets in a turn of
 * the event loop: after a turn that was busy for long, what the kernel has by then comes first, and only what still waits
 * has run out of time.
 */
export function letArrive(clock: Clock, callback: () => void): Disposable {
  // Twice: in some runtimes the first comes before the sockets, too.
  let turn = clock.setImmediate(() => {
    turn = clock.setImmediate(callback);
  });
  return { [Symbol.dispose]: () => cancel(turn) };
}
