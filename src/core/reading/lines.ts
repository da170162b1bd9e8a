import { Buffer, constants, isAscii } from "node:buffer";
import type { ByteQueue } from "../bytes/byte-queue.js";
import { overLimit, Read, Refusal, WAIT, type Take } from "./reads.js";
import { Search } from "./search.js";

const LINE_FEED = Buffer.from("\n");
const CARRIAGE_RETURN = 0x0d;
const NOTHING = Buffer.alloc(0);

/** Shorter slices of a string are copies in V8; a longer one keeps the whole string alive. */
const MIN_SLICE_LENGTH = 13;

/** What `toString("latin1")` calls. Calling it directly makes short lines a tenth faster. */
interface Latin1Slice {
  latin1Slice(start: number, end: number): string;
}

/** The search for the end of a line, which is then decoded. */
export class LineSearch extends Search {
  constructor(
    limit: number,
    readonly encoding: BufferEncoding,
  ) {
    super(LINE_FEED, Math.min(limit, constants.MAX_STRING_LENGTH));
  }
}

/**
 * Lines that are found and decoded fast: a run of adjacent bytes is decoded once, as one character for each byte, and cut
 * into lines. The bytes of each line stay in the queue until the loop takes it, so that another read finds all that the
 * loop has not got; the queue's position shows when another read has moved on. A run is kept until its last line is taken.
 */
export class LineRun {
  /** Bytes that end with a line feed, and the queue's position where they begin. */
  #bytes: Buffer = NOTHING;
  #position = 0;
  /** The same bytes, one character for each, and whether decoding them gives the same text. */
  #text = "";
  #isPlain = false;

  /** Finds the lines that are in no run. */
  readonly search: LineSearch;

  constructor(
    readonly limit: number,
    readonly encoding: BufferEncoding,
  ) {
    this.search = new LineSearch(limit, encoding);
  }

  /** Takes the next line, if a run is at the queue's front; otherwise returns `undefined`. */
  take(queue: ByteQueue): string | undefined {
    if (queue.position - this.#position >= this.#text.length && !this.#begin(queue)) return undefined;
    const begin = queue.position - this.#position;
    const feed = this.#text.indexOf("\n", begin);
    const end = feed > begin && this.#text.charCodeAt(feed - 1) === CARRIAGE_RETURN ? feed - 1 : feed;
    if (end - begin > this.limit) return undefined;
    const line = this.#lineAt(begin, end);
    queue.skip(feed + 1 - begin);
    if (feed + 1 === this.#text.length) this.drop();
    return line;
  }

  /** Forgets the run. */
  drop(): void {
    this.#bytes = NOTHING;
    this.#text = "";
  }

  /** A string of its own: a slice would keep the text of the whole run alive. */
  #lineAt(begin: number, end: number): string {
    if (!this.#isPlain) return this.#bytes.toString(this.encoding, begin, end);
    if (end - begin < MIN_SLICE_LENGTH) return this.#text.slice(begin, end);
    return (this.#bytes as Buffer & Latin1Slice).latin1Slice(begin, end);
  }

  /** Begins the run at the queue's front, if it has more than one line. Returns whether it has. */
  #begin(queue: ByteQueue): boolean {
    this.drop();
    const feed = this.search.in(queue);
    if (feed === -1) return false;
    const run = queue.peekRun();
    const size = run.lastIndexOf(0x0a) + 1;
    if (size <= feed + 1 || size > constants.MAX_STRING_LENGTH) return false;
    this.#bytes = run.subarray(0, size);
    this.#position = queue.position;
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

/** The next line, from the run or by itself, in the form that an iterator's `next` resolves to. */
export const takeNextLine: Take<IteratorResult<string, undefined>, LineRun> = (queue, run, ended) => {
  const line = run.take(queue) ?? takeTextLine(queue, run.search, ended);
  if (typeof line === "string") return { value: line, done: false };
  if (line === WAIT || line instanceof Refusal) return line;
  return { value: undefined, done: true };
};

/** `readLine()`. */
export const READ_LINE = new Read(takeTextLine);
/** `next()` of `lines()`. */
export const NEXT_LINE = new Read(takeNextLine);

/**
 * Whether only a carriage return lies beyond the limit. It is part of the terminator if a line feed or the end of the stream
 * follows.
 */
function mayBeTerminator(queue: ByteQueue, limit: number): boolean {
  return queue.length === limit + 1 && queue.at(limit) === CARRIAGE_RETURN;
}
