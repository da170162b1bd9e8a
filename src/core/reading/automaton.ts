/**
 * Finds the first of several needles that is complete, and looks at each byte once (Aho and Corasick, 1975). A state stands
 * for the longest beginning of a needle that the bytes end with; state 0 for none.
 */
export class Automaton {
  /** The state in which {@link advance} has stopped. */
  state = 0;

  /** Bytes that no needle has are all the same to it: class 0. The table has a column for each class only. */
  readonly #classOf = new Uint16Array(256);
  #classes = 1;
  /** The state after a state and a byte of a class. */
  readonly #next: Uint32Array;
  /** How many bytes of a needle a state stands for. */
  readonly #depths: Uint32Array;
  /** Which needle is complete in a state, the longest one if several are; -1 for none. */
  readonly #matches: Int32Array;

  constructor(needles: readonly Uint8Array[]) {
    let size = 1;
    for (const needle of needles) {
      size += needle.length;
      for (const byte of needle) this.#classOf[byte] ||= this.#classes++;
    }
    this.#next = new Uint32Array(size * this.#classes);
    this.#depths = new Uint32Array(size);
    this.#matches = new Int32Array(size).fill(-1);
    let states = 1;
    for (const [index, needle] of needles.entries()) states = this.#add(needle, index, states);
    this.#link(states);
  }

  /** Goes on from `state` over `bytes`, and stops behind the first byte that completes a needle. Returns how many it has passed. */
  advance(state: number, bytes: Uint8Array): number {
    const classOf = this.#classOf;
    const classes = this.#classes;
    const next = this.#next;
    const matches = this.#matches;
    const { length } = bytes;
    let passed = 0;
    while (passed < length) {
      state = next[state * classes + (classOf[bytes[passed++] as number] as number)] as number;
      if (state !== 0 && matches[state] !== -1) break;
    }
    this.state = state;
    return passed;
  }

  /** The needle that is complete in a state, or -1. */
  matchIn(state: number): number {
    return this.#matches[state] as number;
  }

  /** How many of the last bytes are the beginning of a needle. */
  depthOf(state: number): number {
    return this.#depths[state] as number;
  }

  /** Adds the states of a needle that no needle before it shares. Returns how many states there are then. */
  #add(needle: Uint8Array, index: number, states: number): number {
    let state = 0;
    for (const byte of needle) {
      const edge = state * this.#classes + (this.#classOf[byte] as number);
      if (this.#next[edge] === 0) {
        this.#next[edge] = states;
        this.#depths[states++] = (this.#depths[state] as number) + 1;
      }
      state = this.#next[edge] as number;
    }
    // Of equal needles the first counts.
    if (this.#matches[state] === -1) this.#matches[state] = index;
    return states;
  }

  /** Has each state go on, with a byte that continues no needle of its own, as the longest end of it does that begins a needle. */
  #link(states: number): void {
    const classes = this.#classes;
    const next = this.#next;
    /** That end of each state, as a state. */
    const fallbacks = new Uint32Array(states);
    const inOrderOfDepth = [0];
    for (const state of inOrderOfDepth) {
      const fallback = fallbacks[state] as number;
      if (this.#matches[state] === -1) this.#matches[state] = this.#matches[fallback] as number;
      for (let column = 0; column < classes; column++) {
        const edge = state * classes + column;
        const other = state === 0 ? 0 : (next[fallback * classes + column] as number);
        if (next[edge] === 0) next[edge] = other;
        else {
          fallbacks[next[edge] as number] = other;
          inOrderOfDepth.push(next[edge] as number);
        }
      }
    }
  }
}
