/**
 * Faults that are known and not yet mended, and what is left out because of them. All of this is to go: when a fault is
 * mended, so is its line.
 */

/** A socket that was adopted comes back with methods of its own. */
export const LEAVES_METHODS = true;
