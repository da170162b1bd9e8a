import { Buffer, constants, isAscii } from "node:buffer";
import type { ByteQueue } from "../bytes/byte-queue.js";
import { overLimit, Read, Refusal, Search, WAIT, type Take } from "./reads.js";

const LINE_FEED = Buffer.from("\n");
const CARRIAGE_RETURN = 0x0d;
const NOTHING = Buffer.alloc(0);

/** V8's `slice` copies what is shorter; a longer slice keeps all of the text that it is of. */
const SLICED = 13;

/** What `toString("latin1")` calls; it spares each short line a tenth of its time. */
interface Latin1Slice {
  latin1Slice(start: number, end: number): string;
}

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
 * Lines that are found and decoded fast: those of a run of adjacent bytes, which is made text once, a character for each
 * byte. Their bytes stay in the queue until each line is taken, so whoever else reads from the queue sees what the loop
 * has not been given; where the two are at odds, the queue's position tells. A run is kept until its last line is taken.
 */
export class LineRun {
  /** Bytes that end with a line feed, and the queue's position where they begin. */
  #bytes: Buffer = NOTHING;
  #position = 0;
  /** The same bytes as characters, and whether these are what the encoding makes of them. */
  #text = "";
  #isPlain = false;

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
  searchIn(queue: ByteQueue): LineSearch {
    if (this.#searchedFrom !== queue.taken) this.#search.from = 0;
    this.#searchedFrom = queue.taken;
    return this.#search;
  }

  /** The next line of the run at the queue's front, taken; or `undefined` if it is in none. */
  take(queue: ByteQueue): string | undefined {
    if (queue.taken - this.#position >= this.#text.length && !this.#begin(queue)) return undefined;
    const begin = queue.taken - this.#position;
    const feed = this.#text.indexOf("\n", begin);
    const end = feed > begin && this.#text.charCodeAt(feed - 1) === CARRIAGE_RETURN ? feed - 1 : feed;
    if (end - begin > this.limit) return undefined;
    const line = this.#lineAt(begin, end);
    queue.skip(feed + 1 - begin);
    if (feed + 1 === this.#text.length) this.drop();
    return line;
  }

  /** Lets go of the run. */
  drop(): void {
    this.#bytes = NOTHING;
    this.#text = "";
  }

  /** A string of its own: a slice would keep all that came with the line. */
  #lineAt(begin: number, end: number): string {
    if (!this.#isPlain) return this.#bytes.toString(this.encoding, begin, end);
    if (end - begin < SLICED) return this.#text.slice(begin, end);
    return (this.#bytes as Buffer & Latin1Slice).latin1Slice(begin, end);
  }

  /** Begins with the run at the queue's front, if there is more than one line in it. */
  #begin(queue: ByteQueue): boolean {
    this.drop();
    const feed = this.searchIn(queue).in(queue);
    if (feed === -1) return false;
    const run = queue.peekRun();
    const size = run.lastIndexOf(0x0a) + 1;
    if (size <= feed + 1 || size > constants.MAX_STRING_LENGTH) return false;
    this.#bytes = run.subarray(0, size);
    this.#position = queue.taken;
    this.#text = run.toString("latin1", 0, size);
    this.#isPlain = this.encoding === "latin1" || this.encoding === "binary" || isAscii(this.#bytes);
    return true;
  }
}

/** The next line, decoded. */
export const takeTextLine: Take<string | null, LineSearch> = (queue, search, ended) => {
  const { limit } = search;
  let end = search.in(queue);
  if (end === -1) {
    if (queue.length > limit && !mayBeTerminator(queue, limit)) return overLimit(limit);
    if (!ended) return WAIT;
    if (queue.length === 0) return null;
    end = queue.length;
  }
  const size = end > 0 && queue.at(end - 1) === CARRIAGE_RETURN ? end - 1 : end;
  if (size > limit) return overLimit(limit);
  const rest = Math.min(end + 1, queue.length) - size;
  const line = queue.takeText(size, search.encoding);
  queue.skip(rest);
  return line;
};

/** The next line as an iterator's `next` gives it back, from the run or by itself. */
export const takeNextLine: Take<IteratorResult<string, undefined>, LineRun> = (queue, run, ended) => {
  const line = run.take(queue) ?? takeTextLine(queue, run.searchIn(queue), ended);
  if (typeof line === "string") return { value: line, done: false };
  if (line === WAIT || line instanceof Refusal) return line;
  return { value: undefined, done: true };
};

/** `readLine()`. */
export const READ_LINE = new Read(takeTextLine);
/** `next()` of `lines()`. */
export const NEXT_LINE = new Read(takeNextLine);

/**
 * Whether all that lies beyond the limit is a carriage return: a line feed would make that and itself the terminator, and
 * so does the end of the stream, where a last line may lack it.
 */
function mayBeTerminator(queue: ByteQueue, limit: number): boolean {
  return queue.length === limit + 1 && queue.at(limit) === CARRIAGE_RETURN;
}
