import { unwatch, watch, type Cancellable } from "./signals.js";

/**
 * Calls `end` when the signal is aborted; at once if it was. Leaves nothing on the signal once `over` has settled.
 *
 * @throws what the signal's `addEventListener` throws, after a call of `end`
 */
export function endOn(signal: AbortSignal, end: () => void, over: Promise<unknown>): void {
  if (signal.aborted) {
    end();
    return;
  }
  const call: Cancellable = { aborted: end };
  const leave = (): void => unwatch(signal, call);
  try {
    watch(signal, call);
  } catch (error) {
    end();
    throw error;
  }
  over.then(leave, leave);
}
