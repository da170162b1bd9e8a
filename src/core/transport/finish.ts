import type { Duplex } from "node:stream";
import { cancel, clock } from "../timing/clock.js";

/** How long a stream may take to finish once it was given its end, and to close once it was destroyed. */
export const FINISH_TIMEOUT_MS = 500;

/** Calls `act` when the stream has finished, is closed, or has taken too long for either. */
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
