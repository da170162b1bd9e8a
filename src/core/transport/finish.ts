import type { Duplex } from "node:stream";
import { cancel, clock } from "../timing/clock.js";

/** How long to wait for `'finish'` after `end()`, and for `'close'` after `destroy()`: some streams emit neither. */
export const FINISH_TIMEOUT_MS = 500;

/** Calls `act` at `'finish'` or `'close'`, or after {@link FINISH_TIMEOUT_MS}. */
export function onceFinished(stream: Duplex, act: () => void): void {
  const over = (): void => {
    cancel(timer);
    stream.removeListener("finish", over);
    stream.removeListener("close", over);
    act();
  };
  const timer = clock.setTimeout(over, FINISH_TIMEOUT_MS);
  stream.on("finish", over).on("close", over);
}
