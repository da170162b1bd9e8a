import { constants } from "node:buffer";
import type { ByteQueue } from "../bytes/byte-queue.js";
import { Automaton } from "./automaton.js";

/** A search for the first delimiter in a queue, which goes on where it has stopped while the queue's front stays where it is. */
export interface DelimiterSearch {
  /** Most bytes before the delimiter; one buffer can hold them. */
  readonly limit: number;
  /** The delimiter that was found last. */
  readonly delimiter: Uint8Array;
  /** Where the delimiter begins that is complete first, or -1. */
  in(queue: ByteQueue): number;
  /** Whether the last bytes that have arrived may be the beginning of a delimiter that begins within the limit. */
  mayKeepLimit(queue: ByteQueue): boolean;
}

/** A search for one delimiter. */
export class Search implements DelimiterSearch {
  readonly limit: number;
  /** No delimiter begins before this byte. */
  #from = 0;
  /** The position of the queue that was searched. */
  #position = 0;

  constructor(
    readonly delimiter: Uint8Array,
    limit: number,
  ) {
    this.limit = Math.min(limit, constants.MAX_LENGTH);
  }

  in(queue: ByteQueue): number {
    if (this.#position !== queue.position) {
      this.#position = queue.position;
      this.#from = 0;
    }
    const found = queue.indexOf(this.delimiter, this.#from);
    this.#from = found === -1 ? Math.max(0, queue.length - this.delimiter.length + 1) : found;
    return found;
  }

  mayKeepLimit(queue: ByteQueue): boolean {
    for (let begin = this.#from; begin <= Math.min(this.limit, queue.length); begin++) {
      if (queue.endsWithPartOf(this.delimiter, begin)) return true;
    }
    return false;
  }
}

/**
 * A search for several delimiters. The one that is complete first is found, whatever pieces the bytes arrive in: no read has
 * to wait for what may make another delimiter longer. Of those that are complete with the same byte it is the longest.
 */
export class SearchForAny implements DelimiterSearch {
  readonly limit: number;
  readonly #delimiters: readonly Uint8Array[];
  readonly #automaton: Automaton;
  #position = 0;
  /** How many bytes were searched, and in which state the automaton is behind them. */
  #searched = 0;
  #state = 0;

  constructor(delimiters: readonly Uint8Array[], limit: number) {
    this.limit = Math.min(limit, constants.MAX_LENGTH);
    this.#delimiters = delimiters;
    this.#automaton = new Automaton(delimiters);
  }

  /** Which of the delimiters was found last. */
  get index(): number {
    return this.#automaton.matchIn(this.#state);
  }

  get delimiter(): Uint8Array {
    return this.#delimiters[this.index] as Uint8Array;
  }

  in(queue: ByteQueue): number {
    if (this.#position !== queue.position) {
      this.#position = queue.position;
      this.#searched = this.#state = 0;
    }
    const automaton = this.#automaton;
    while (this.index === -1) {
      if (this.#searched === queue.length) return -1;
      const run = queue.runAt(this.#searched);
      this.#searched += automaton.advance(this.#state, run);
      this.#state = automaton.state;
    }
    return this.#searched - this.delimiter.length;
  }

  mayKeepLimit(queue: ByteQueue): boolean {
    return queue.length - this.#automaton.depthOf(this.#state) <= this.limit;
  }
}

/** The search for one of these delimiters, which are not empty and must not be changed. */
export function searchFor(delimiters: readonly Uint8Array[], limit: number): DelimiterSearch {
  const [first] = delimiters;
  if (first !== undefined && delimiters.length === 1) return new Search(first, limit);
  return new SearchForAny(delimiters, limit);
}
