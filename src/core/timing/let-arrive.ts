import type { Clock } from "./clock.js";

/**
 * Calls back once the sockets have been polled. Timers go before sockets in a turn of the event loop: after a turn that
 * was busy for long, what the kernel has by then comes first, and only what still waits has run out of time.
 */
export function letArrive(clock: Clock, callback: () => void): void {
  // Twice: in some runtimes the first comes before the sockets, too.
  clock.setImmediate(() => clock.setImmediate(callback));
}
