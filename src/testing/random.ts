/** Returns a whole number from 0 up to `bound`, which is not included. */
export type Random = (bound: number) => number;

/** A generator of numbers (xorshift32): the same seed gives the same numbers on every machine. */
export function random(seed: number): Random {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % bound;
  };
}
