import type { Duplex } from "node:stream";
// Imported rather than global: test frameworks replace the globals, and a fake timer that never fires would block every wait.
import { clearTimeout, setTimeout } from "node:timers";

/** How long a stream may take to finish once it was given its end, and to close once it was destroyed. */
export const FINISH_TIMEOUT_MS = 500;

/** Calls `act` when the stream has finished, is closed, or has taken too long for either. */
export function onceFinished(stream: Duplex, act: () => void): void {
  const over = (): void => {
    clearTimeout(timer);
    stream.removeListener("finish", over);
    stream.removeListener("close", over);
    act();
  };
  const timer = setTimeout(over, FINISH_TIMEOUT_MS);
  stream.on("finish", over).on("close", over);
}
