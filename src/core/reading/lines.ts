import { Buffer, constants, isAscii } from "node:buffer";
import type { ByteQueue } from "../bytes/byte-queue.js";
import { overLimit, Read, Refusal, unexpectedEnd, WAIT, type Take } from "./reads.js";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const FEED = Buffer.of(LINE_FEED);
const RETURN = Buffer.of(CARRIAGE_RETURN);
const NOTHING = Buffer.alloc(0);

/** Shorter slices of a string are copies in V8; a longer one keeps the whole string alive. */
const MIN_SLICE_LENGTH = 13;

/** What `toString("latin1")` calls. Calling it directly makes short lines a tenth faster. */
interface Latin1Slice {
  latin1Slice(start: number, end: number): string;
}

/** What ends a line: see `terminator` in `LineOptions`. */
export type LineTerminator = "lf" | "crlf" | "cr" | "any";

/** The search for the end of a line, which is then decoded. It goes on where it has stopped when more bytes have arrived. */
export class LineSearch {
  /** Most bytes of the line; one string can hold them. */
  readonly limit: number;
  /** Whether a line feed ends the line and nothing else does, as by default. */
  readonly byFeed: boolean;
  /** No terminator begins before this byte. */
  #from = 0;
  /** The position of the queue that was searched. */
  #position = 0;

  constructor(
    limit: number,
    readonly encoding: BufferEncoding,
    readonly terminator: LineTerminator,
  ) {
    this.limit = Math.min(limit, constants.MAX_STRING_LENGTH);
    this.byFeed = terminator === "lf";
  }

  /** Where the first byte is that ends a line, or is refused in a line; or -1. For `"lf"` it is always the line feed. */
  in(queue: ByteQueue): number {
    if (this.#position !== queue.position) {
      this.#position = queue.position;
      this.#from = 0;
    }
    const found = this.#find(queue);
    this.#from = found === -1 ? queue.length : found;
    return found;
  }

  #find(queue: ByteQueue): number {
    if (this.byFeed) return queue.indexOf(FEED, this.#from);
    if (this.terminator === "cr") return queue.indexOf(RETURN, this.#from);
    return queue.indexOfEither(LINE_FEED, CARRIAGE_RETURN, this.#from);
  }
}

/**
 * Lines that are found and decoded fast: a run of adjacent bytes is decoded once, as one character for each byte, and cut
 * into lines. The bytes of each line stay in the queue until the loop takes it, so that another read finds all that the
 * loop has not got; the queue's position shows when another read has moved on. A run is kept until its last line is taken.
 */
export class LineRun {
  /** Bytes that end with a terminator, and the queue's position where they begin. */
  #bytes: Buffer = NOTHING;
  #position = 0;
  /** The same bytes, one character for each, and whether decoding them gives the same text. */
  #text = "";
  #isPlain = false;
  /** Where the next line feed and the next return stand in the text, if each line may end with either of them. */
  #feed = -1;
  #return = -1;

  /** Finds the lines that are in no run. */
  readonly search: LineSearch;
  readonly #byFeed: boolean;

  constructor(
    readonly limit: number,
    readonly encoding: BufferEncoding,
    readonly terminator: LineTerminator,
  ) {
    this.search = new LineSearch(limit, encoding, terminator);
    this.#byFeed = this.search.byFeed;
  }

  /** Takes the next line, if a run is at the queue's front; otherwise returns `undefined`. */
  take(queue: ByteQueue): string | undefined {
    if (queue.position - this.#position >= this.#text.length && !this.#begin(queue)) return undefined;
    const begin = queue.position - this.#position;
    const last = this.#byFeed ? this.#text.indexOf("\n", begin) : this.#lastFrom(begin);
    if (last < begin) return undefined;
    const end = last > begin && this.#text.charCodeAt(last - 1) === CARRIAGE_RETURN ? last - 1 : last;
    if (end - begin > this.limit) return undefined;
    const line = this.#lineAt(begin, end);
    queue.skip(last + 1 - begin);
    if (last + 1 === this.#text.length) this.#finish(queue);
    return line;
  }

  /** Takes the lines at the front that end with a line feed and need no other search, up to `most` bytes. */
  takeMany(queue: ByteQueue, most: number, lines: string[]): void {
    if (!this.#byFeed) return;
    if (queue.position - this.#position >= this.#text.length && !this.#begin(queue)) return;
    const text = this.#text;
    const start = queue.position - this.#position;
    let begin = start;
    while (begin < text.length && begin - start < most) {
      const last = text.indexOf("\n", begin);
      if (last === -1) break;
      const end = last > begin && text.charCodeAt(last - 1) === CARRIAGE_RETURN ? last - 1 : last;
      if (end - begin > this.limit) break;
      lines.push(this.#lineAt(begin, end));
      begin = last + 1;
    }
    queue.skip(begin - start);
    if (begin === text.length) this.drop();
  }

  /** Forgets the run. */
  drop(): void {
    this.#bytes = NOTHING;
    this.#text = "";
    this.#feed = this.#return = -1;
  }

  /** Where the terminator ends of the line that begins at `begin`: its last byte; or -1 if the line is refused. */
  #lastFrom(begin: number): number {
    const text = this.#text;
    if (this.terminator === "cr") return text.indexOf("\r", begin);
    if (this.terminator === "any") return this.#lastOfAny(begin);
    const feed = text.indexOf("\n", begin);
    return feed > begin && text.indexOf("\r", begin) === feed - 1 ? feed : -1;
  }

  /** Each of the two characters is searched for only once the one that was found last has been passed. */
  #lastOfAny(begin: number): number {
    if (this.#feed < begin) this.#feed = indexIn(this.#text, "\n", begin);
    if (this.#return < begin) this.#return = indexIn(this.#text, "\r", begin);
    return this.#feed === this.#return + 1 ? this.#feed : Math.min(this.#feed, this.#return);
  }

  /** The last line of the run was taken. */
  #finish(queue: ByteQueue): void {
    const isAfterReturn = this.terminator === "any" && this.#text.endsWith("\r");
    this.drop();
    if (isAfterReturn) dropFeed(queue);
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
    const first = this.search.in(queue);
    if (first === -1) return false;
    const run = queue.peekRun();
    const size = this.#lastTerminatorIn(run) + 1;
    if (size <= first + 1 || size > constants.MAX_STRING_LENGTH) return false;
    this.#bytes = run.subarray(0, size);
    this.#position = queue.position;
    this.#text = run.toString("latin1", 0, size);
    this.#isPlain = this.encoding === "latin1" || this.encoding === "binary" || isAscii(this.#bytes);
    return true;
  }

  #lastTerminatorIn(run: Buffer): number {
    if (this.terminator === "cr") return run.lastIndexOf(CARRIAGE_RETURN);
    const feed = run.lastIndexOf(LINE_FEED);
    return this.terminator === "any" ? Math.max(feed, run.lastIndexOf(CARRIAGE_RETURN)) : feed;
  }
}

/** The next line, decoded. */
export const takeTextLine: Take<string | null, LineSearch> = (queue, search, ended) => {
  const { limit, byFeed, terminator } = search;
  let end = search.in(queue);
  if (end === -1) {
    if (queue.length > limit && !mayBeTerminator(queue, search)) return overLimit(limit);
    if (!ended) return WAIT;
    if (queue.length === 0) return null;
    if (terminator === "crlf") return withoutTerminator(queue);
    end = queue.length;
  }
  const isReturned = byFeed && end > 0 && queue.at(end - 1) === CARRIAGE_RETURN;
  const size = isReturned ? end - 1 : end;
  if (size > limit) return overLimit(limit);
  if (terminator === "crlf") {
    const refusal = strictTerminatorAt(queue, end, ended);
    if (refusal !== null) return refusal;
    end++;
  }
  const rest = Math.min(end + 1, queue.length) - size;
  const isAfterReturn = terminator === "any" && end < queue.length && queue.at(end) === CARRIAGE_RETURN;
  const line = queue.takeText(size, search.encoding);
  queue.skip(rest);
  if (isAfterReturn) dropFeed(queue);
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
function mayBeTerminator(queue: ByteQueue, { limit, byFeed }: LineSearch): boolean {
  return byFeed && queue.length === limit + 1 && queue.at(limit) === CARRIAGE_RETURN;
}

/** Why a line that ends at `end` is not one that ends with `\r\n`; `null` if it is. */
function strictTerminatorAt(queue: ByteQueue, end: number, ended: boolean): typeof WAIT | Refusal | null {
  if (queue.at(end) === LINE_FEED) return invalidLine("a line feed without a carriage return before it");
  if (end + 1 === queue.length) return ended ? withoutTerminator(queue) : WAIT;
  if (queue.at(end + 1) === LINE_FEED) return null;
  return invalidLine("a carriage return without a line feed after it");
}

function invalidLine(what: string): Refusal {
  return new Refusal("ERR_INVALID_LINE", `the line has ${what}`);
}

function withoutTerminator(queue: ByteQueue): Refusal {
  return unexpectedEnd(`after ${String(queue.length)} bytes without the terminator of a line`);
}

/** Drops a line feed that belongs to the carriage return before it, also if it is yet to arrive. */
function dropFeed(queue: ByteQueue): void {
  if (queue.length === 0) queue.feedsToDrop++;
  else if (queue.at(0) === LINE_FEED) queue.skip(1);
}

function indexIn(text: string, character: string, from: number): number {
  const found = text.indexOf(character, from);
  return found === -1 ? Infinity : found;
}
