import type { Link } from "./link.js";
import { unwatch, watch, type Cancellable } from "./timing/signals.js";

/** Resets a connection when the signal is aborted; at once if it was. Leaves nothing on the signal once that is over. */
export function resetOn(signal: AbortSignal, link: Link): void {
  if (signal.aborted) {
    link.reset();
    return;
  }
  const call: Cancellable = { aborted: () => link.reset() };
  const over = (): void => unwatch(signal, call);
  try {
    watch(signal, call);
  } catch (error) {
    link.reset();
    throw error;
  }
  link.closed.then(over, over);
}
