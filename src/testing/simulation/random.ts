/** Numbers that look random and follow from a seed: the same seed gives the same numbers on every machine. */
export class Random {
  #state: number;

  /** @param seed - a whole number from 0 up to 2^32 - 1 */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 up to, but not including, 1. The generator is mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A number from `least` up to `most`. */
  between(least: number, most: number): number {
    return least + (most - least) * this.next();
  }

  /** A whole number from `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return Math.floor(this.between(least, most + 1));
  }

  /** Whether something happens that has this probability. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability;
  }
}

/** A seed that nothing has chosen. */
export function anySeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}
