import { constants, type Buffer } from "node:buffer";
import type { ByteQueue } from "./byte-queue.js";
import { CARRIAGE_RETURN, LINE_FEED, Refusal, Search, takeLine, WAIT, type Take } from "./reads.js";

/** Encodings in which a line feed is the byte 0x0A, and every such byte a line feed. */
const LINE_ENCODINGS = new Set<unknown>(["utf8", "utf-8", "latin1", "binary", "ascii"]);

export function isLineEncoding(encoding: unknown): encoding is BufferEncoding {
  return LINE_ENCODINGS.has(encoding);
}

/** The search for the end of a line that is to be decoded. */
export class LineSearch extends Search {
  constructor(
    limit: number,
    readonly encoding: BufferEncoding,
  ) {
    super(LINE_FEED, Math.min(limit, constants.MAX_STRING_LENGTH));
  }
}

/**
 * Lines decoded ahead, a run of adjacent bytes at a time: one decoding for many lines. Their bytes stay in the queue
 * until each line is taken, so whoever else reads from the queue sees what the loop has not been given.
 */
export class LineRun {
  /** Whole lines, with their line feeds, and where the next one begins. */
  #text = "";
  #next = 0;
  /** The queue's position when the next line was last known to begin at its front. */
  #position = -1;
  /** Where characters and bytes differ: the run's bytes, and where in them the next line begins. They tell its length. */
  #bytes: Buffer | null = null;
  #start = 0;

  /** For lines that are in no run. */
  readonly #search: LineSearch;
  #searchedFrom = 0;

  constructor(
    readonly limit: number,
    readonly encoding: BufferEncoding,
  ) {
    this.#search = new LineSearch(limit, encoding);
  }

  /** The search for the end of the line at the queue's front; it goes on where it stopped. */
  searchIn(queue: ByteQueue): Search {
    if (this.#searchedFrom !== queue.taken) this.#search.from = 0;
    this.#searchedFrom = queue.taken;
    return this.#search;
  }

  /** The next line of the run at the queue's front, taken; or `undefined` if there is none. */
  take(queue: ByteQueue): string | undefined {
    if (this.#next === this.#text.length || this.#position !== queue.taken) {
      if (!this.#decode(queue)) return undefined;
    }
    const begin = this.#next;
    const feed = this.#text.indexOf("\n", begin);
    const end = feed > begin && this.#text.charCodeAt(feed - 1) === CARRIAGE_RETURN ? feed - 1 : feed;
    const size = this.#bytes === null ? feed - begin : this.#bytes.indexOf(0x0a, this.#start) - this.#start;
    if (size - (feed - end) > this.limit) return undefined;
    this.#next = feed + 1;
    this.#start += size + 1;
    queue.skip(size + 1);
    this.#position = queue.taken;
    return this.#text.slice(begin, end);
  }

  #decode(queue: ByteQueue): boolean {
    // Node's ASCII drops the highest bit, which makes line feeds of other bytes.
    if (this.encoding === "ascii") return false;
    const run = queue.peekRun();
    const size = run.lastIndexOf(0x0a) + 1;
    if (size === 0 || size > constants.MAX_STRING_LENGTH) return false;
    this.#text = run.toString(this.encoding, 0, size);
    this.#next = 0;
    this.#position = queue.taken;
    // As many characters as bytes: a line is as long in the one as in the other.
    this.#bytes = this.#text.length === size ? null : run;
    this.#start = 0;
    return true;
  }
}

/** The next line, decoded. */
export const takeTextLine: Take<string | null, LineSearch> = (queue, search, ended) => {
  const bytes = takeLine(queue, search, ended);
  if (bytes === null || bytes === WAIT || bytes instanceof Refusal) return bytes;
  return bytes.toString(search.encoding);
};

/** The next line as an iterator's `next` gives it back, from the run or by itself. */
export const takeNextLine: Take<IteratorResult<string, undefined>, LineRun> = (queue, run, ended) => {
  const line = run.take(queue);
  if (line !== undefined) return { value: line, done: false };
  const bytes = takeLine(queue, run.searchIn(queue), ended);
  if (bytes === WAIT || bytes instanceof Refusal) return bytes;
  return bytes === null
    ? { value: undefined, done: true }
    : { value: bytes.toString(run.encoding), done: false };
};
