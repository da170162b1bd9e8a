import type { ByteQueue } from "../bytes/byte-queue.js";
import type { NonSharedBuffer } from "../bytes/non-shared.js";
import { Search, type DelimiterSearch } from "./search.js";

/** Most bytes that are made text at once: about as many as arrive at once. */
const MAX_RUN_BYTES = 64 * 1024;

/** With longer records, or delimiters, the search in text gains nothing that counts. */
const MAX_RECORD_BYTES = 256;
const MAX_DELIMITER_BYTES = 8;

/**
 * Short records that are found fast: a run of adjacent bytes is made text once, one character for each byte, and V8 finds the
 * delimiter in a text faster than Node finds it in a buffer. The bytes of each record stay in the queue until the loop takes
 * it; the queue's position shows when another read has moved on.
 */
export class RecordRun {
  readonly #search: DelimiterSearch;
  /** The delimiter, one character for each byte; `null` if there are several, or one that is long. */
  readonly #delimiter: string | null;
  #text = "";
  /** The queue's position where the text begins. */
  #position = 0;

  /** `search` finds the records that are in no run. */
  constructor(search: DelimiterSearch) {
    this.#search = search;
    const isShort = search instanceof Search && search.delimiter.length <= MAX_DELIMITER_BYTES;
    this.#delimiter = isShort ? String.fromCharCode(...search.delimiter) : null;
  }

  /** Takes the next record, if a run is at the queue's front; otherwise returns `undefined`. */
  take(queue: ByteQueue): NonSharedBuffer | undefined {
    const delimiter = this.#delimiter;
    if (delimiter === null) return undefined;
    if (queue.position - this.#position >= this.#text.length && !this.#begin(queue, delimiter.length))
      return undefined;
    const begin = queue.position - this.#position;
    const end = this.#text.indexOf(delimiter, begin);
    if (end === -1) {
      this.drop();
      return undefined;
    }
    const size = end - begin;
    if (size > this.#search.limit) return undefined;
    const record = queue.take(size);
    queue.skip(delimiter.length);
    return record;
  }

  /** Forgets the run. */
  drop(): void {
    this.#text = "";
  }

  /** Begins the run at the queue's front, if a short record is there and more bytes follow. Returns whether it has. */
  #begin(queue: ByteQueue, delimiterBytes: number): boolean {
    this.drop();
    const first = this.#search.in(queue);
    if (first === -1 || first > MAX_RECORD_BYTES) return false;
    const run = queue.peekRun();
    if (first + 2 * delimiterBytes > run.length) return false;
    this.#text = run.toString("latin1", 0, MAX_RUN_BYTES);
    this.#position = queue.position;
    return true;
  }
}
