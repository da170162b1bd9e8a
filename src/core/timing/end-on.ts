import { watch, type Watch } from "./signals.js";

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
  let own: Watch;
  try {
    own = watch(signal, { aborted: end });
  } catch (error) {
    end();
    throw error;
  }
  const leave = (): void => own.leave();
  over.then(leave, leave);
}
