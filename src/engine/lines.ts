import type { ByteQueue } from "./byte-queue.js";
import { LINE_FEED, Refusal, Search, takeLine, WAIT, type Take } from "./reads.js";

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
    super(LINE_FEED, limit);
  }
}

/**
 * Lines decoded ahead, a run of adjacent bytes at a time: one decoding for many lines. Their bytes stay in the queue
 * until each line is taken, so whoever else reads from the queue sees what the loop has not been given.
 */
export class LineRun {
  #lines: string[] = [];
  #next = 0;
  /** The queue's position when the next line was last known to begin at its front. */
  #position = -1;
  /** The run's bytes, and where in them the next line begins: where characters and bytes differ, they tell its length. */
  #bytes: Buffer | null = null;
  #start = 0;

  /** For lines that are in no run. */
  readonly #search: Search;
  #searchedFrom = 0;

  constructor(
    readonly limit: number,
    readonly encoding: BufferEncoding,
  ) {
    this.#search = new Search(LINE_FEED, limit);
  }

  /** The search for the end of the line at the queue's front; it goes on where it stopped. */
  searchIn(queue: ByteQueue): Search {
    if (this.#searchedFrom !== queue.taken) this.#search.from = 0;
    this.#searchedFrom = queue.taken;
    return this.#search;
  }

  /** The next line of the run at the queue's front, taken; or `undefined` if there is none. */
  take(queue: ByteQueue): string | undefined {
    if (this.#next === this.#lines.length || this.#position !== queue.taken) {
      if (!this.#decode(queue)) return undefined;
    }
    const raw = this.#lines[this.#next] ?? "";
    const isTerminated = raw.charCodeAt(raw.length - 1) === 0x0d;
    const size = this.#bytes === null ? raw.length : this.#bytes.indexOf(0x0a, this.#start) - this.#start;
    if ((isTerminated ? size - 1 : size) > this.limit) return undefined;
    this.#next++;
    this.#start += size + 1;
    queue.skip(size + 1);
    this.#position = queue.taken;
    return isTerminated ? raw.slice(0, -1) : raw;
  }

  #decode(queue: ByteQueue): boolean {
    // Node's ASCII drops the highest bit, which makes line feeds of other bytes.
    if (this.encoding === "ascii") return false;
    const run = queue.peekRun();
    const end = run.lastIndexOf(0x0a);
    if (end === -1) return false;
    const text = run.toString(this.encoding, 0, end);
    this.#lines = text.split("\n");
    this.#next = 0;
    this.#position = queue.taken;
    // As many characters as bytes: a line is as long in the one as in the other.
    this.#bytes = text.length === end ? null : run;
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
