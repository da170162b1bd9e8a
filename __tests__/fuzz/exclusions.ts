/**
 * Faults that are known and not yet mended, and what is left out because of them. All of this is to go: when a fault is
 * mended, so is its line.
 */
import type { End } from "./end.js";
import type { Call } from "./scenario.js";

/** A socket that was adopted comes back with methods of its own. */
export const LEAVES_METHODS = true;

/** Whether a call is left out as things are. */
export function isLeftOut(end: End, { op }: Call): boolean {
  // A stream that is over, and takes its time to close, is handed over and then destroyed.
  return (
    op === "detach" &&
    !end.shared.pair.kernel &&
    end.has("closeWrite") &&
    end.peer.has("closeWrite", "destroy")
  );
}
