import { Buffer } from "node:buffer";
import type { NonSharedBuffer } from "./non-shared.js";
import { lengthOf } from "./given-bytes.js";
import { copyOf, cutOf } from "./own-memory.js";

const EMPTY = Buffer.alloc(0);
const LINE_FEED = 0x0a;

/** Size of the blocks that small arrivals share, so that a peer which sends single bytes costs bytes, not objects. */
const BLOCK_BYTES = 4 * 1024;

/** How many times its own bytes of an open block a search may look at, which costs less than a view of its own bytes. */
const MAX_SEARCHED_SHARE = 16;

/** How many places where the first byte of a needle stands are looked at one by one. */
const MAX_TRIES = 4;

/** A block to be used again: no queue has bytes in it. An empty queue holds no block. */
let unusedBlock: NonSharedBuffer | null = null;

/**
 * Bytes in the order in which they arrived, in about as few pieces as they came in. What is taken out is in memory of its
 * own, without other bytes of the queue: the reader may keep it, transfer it or write over it.
 */
export class ByteQueue {
  #blocks: NonSharedBuffer[] = [];
  /** Index of the first block that is still in the queue, and where in it the bytes begin. */
  #first = 0;
  #start = 0;
  /** The last block while small arrivals are gathered in it; its bytes in the queue end at `#used`. Never handed out. */
  #open: NonSharedBuffer | null = null;
  #used = 0;
  readonly #blockSize: number;
  /**
   * The block that {@link #blockAt} has found last, -1 for none, and the position of its first byte, which may have left the
   * queue: what goes through the queue step by step does not pass all blocks at each step.
   */
  #cursor = -1;
  #cursorPosition = 0;
  /** What {@link #blockAt} has found besides the block. */
  #passed = 0;

  /** How many bytes are in the queue. */
  length = 0;
  /**
   * The position of the first byte: it grows by each byte that leaves the queue, and beyond the last byte that was in the
   * queue when bytes are put back. What has noted a position can tell whether the queue still begins there.
   */
  position = 0;
  /**
   * How many line feeds are dropped if they arrive next. Each belongs to a carriage return that was taken with a line and was
   * the last byte of the queue. It is more than one after such bytes were put back, and were taken before anything arrived.
   */
  feedsToDrop = 0;

  /** Arrivals below half of `blockSize` are gathered. */
  constructor(blockSize = BLOCK_BYTES) {
    this.#blockSize = blockSize;
  }

  /** Appends a copy of the first `size` bytes of `memory`. */
  copy(memory: Buffer, size: number): void {
    if (2 * size < this.#blockSize) this.#gather(memory, size);
    else this.#push(copyOf(memory, 0, size));
  }

  /** Appends a chunk, whose memory is the queue's from now on. */
  append(chunk: NonSharedBuffer): void {
    if (2 * chunk.length < this.#blockSize) this.#gather(chunk, chunk.length);
    else this.#push(chunk);
  }

  /** Puts copies of chunks before the bytes in the queue. */
  putBack(chunks: readonly Uint8Array[]): void {
    this.#cursor = -1;
    this.position += this.length + 1;
    for (let index = chunks.length - 1; index >= 0; index--) this.#prepend(chunks[index] ?? EMPTY);
  }

  /** Takes all bytes, in as many runs as they are in. */
  takeRuns(): NonSharedBuffer[] {
    const runs: NonSharedBuffer[] = [];
    while (this.length > 0) runs.push(this.takeRun());
    return runs;
  }

  /** Takes the first run of adjacent bytes; the queue must not be empty. */
  takeRun(): NonSharedBuffer {
    const block = this.#blocks[this.#first] ?? EMPTY;
    const end = this.#end(this.#first);
    // Another reader has the bytes before these, in the same memory.
    const isShared = this.#start > 0 || this.#isOpen(this.#first);
    const run = isShared ? copyOf(block, this.#start, end) : cutOf(block, end);
    this.skip(run.length);
    return run;
  }

  /** As {@link takeRun}, but not copied where possible: the result may keep more memory than it is long. */
  takeView(): NonSharedBuffer {
    if (this.#isOpen(this.#first)) return this.takeRun();
    const run = this.peekRun();
    this.skip(run.length);
    return run;
  }

  /**
   * Drops `skipped` bytes and takes the next `size` bytes in one piece; there must be as many.
   *
   * @throws RangeError if there is no memory for them; no byte has left the queue
   */
  take(size: number, skipped = 0): NonSharedBuffer {
    const from = this.#start + skipped;
    const to = from + size;
    // Mostly it is one of several messages in a run, and the run goes on behind it.
    if (to < this.#end(this.#first)) {
      const part = copyOf(this.#blocks[this.#first] ?? EMPTY, from, to);
      this.#start = to;
      this.length -= skipped + size;
      this.position += skipped + size;
      return part;
    }
    const index = this.#blockAt(skipped);
    const run = this.#end(index) - this.#startOf(index) - skipped + this.#passed;
    if (run < size) {
      const whole = Buffer.allocUnsafeSlow(size);
      if (skipped > 0) this.skip(skipped);
      this.takeInto(whole);
      return whole;
    }
    if (skipped > 0) this.skip(skipped);
    if (run === size && size > 0) return this.takeRun();
    const part = copyOf(this.#blocks[this.#first] ?? EMPTY, this.#start, this.#start + size);
    this.skip(size);
    return part;
  }

  /** Takes the first `size` bytes as text; there must be as many. */
  takeText(size: number, encoding: BufferEncoding): string {
    const start = this.#start;
    if (this.#end(this.#first) - start < size) return this.take(size).toString(encoding);
    const text = (this.#blocks[this.#first] ?? EMPTY).toString(encoding, start, start + size);
    this.skip(size);
    return text;
  }

  /** Moves as many bytes as there are, and fit, into `target`; returns how many. */
  takeInto(target: Uint8Array): number {
    const length = lengthOf(target);
    let filled = 0;
    while (filled < length && this.length > 0) {
      const start = this.#start;
      const end = Math.min(this.#end(this.#first), start + length - filled);
      this.#blocks[this.#first]?.copy(target, filled, start, end);
      this.skip(end - start);
      filled += end - start;
    }
    return filled;
  }

  /**
   * Copies the bytes from position `from` up to `to` to the same positions of `target`, and leaves them in the queue.
   */
  copyTo(target: Buffer, from: number, to: number): void {
    while (from < to) {
      const run = this.runAt(from);
      run.copy(target, from, 0, to - from);
      from += run.length;
    }
  }

  /** A copy of the first `size` bytes, which are left where they are; there must be as many. */
  peek(size: number): NonSharedBuffer {
    const run = this.peekRun();
    if (run.length >= size) return copyOf(run, 0, size);
    const copy = Buffer.allocUnsafeSlow(size);
    this.copyTo(copy, 0, size);
    return copy;
  }

  /** The first run of adjacent bytes, left where it is. */
  peekRun(): NonSharedBuffer {
    return this.length === 0 ? EMPTY : this.#run(this.#first, this.#start);
  }

  /** The adjacent bytes from `from` on, left where they are; `from` must be in the queue. */
  runAt(from: number): NonSharedBuffer {
    const index = this.#blockAt(from);
    return this.#run(index, this.#startOf(index) + from - this.#passed);
  }

  /** The byte at `position`, which must be in the queue. */
  at(position: number): number | undefined {
    const inFirst = this.#start + position;
    if (inFirst < this.#end(this.#first)) return this.#blocks[this.#first]?.[inFirst];
    const index = this.#blockAt(position);
    return this.#blocks[index]?.[position - this.#passed];
  }

  /** The unsigned number of `bytes` bytes at `position`, which must be in the queue. Above 2 ** 53 it is rounded. */
  unsignedAt(position: number, bytes: number, littleEndian: boolean): number {
    const from = this.#start + position;
    const block = from + bytes <= this.#end(this.#first) ? this.#blocks[this.#first] : undefined;
    let number = 0;
    for (let n = 0; n < bytes; n++) {
      const at = littleEndian ? bytes - 1 - n : n;
      number = number * 256 + ((block === undefined ? this.at(position + at) : block[from + at]) ?? 0);
    }
    return number;
  }

  /** Whether the bytes from `position` to the end of the queue are the beginning of `needle`. */
  endsWithPartOf(needle: Uint8Array, position: number): boolean {
    for (let at = position; at < this.length; at++) {
      if (this.at(at) !== needle[at - position]) return false;
    }
    return true;
  }

  /** Drops the first `size` bytes; there must be as many. */
  skip(size: number): void {
    this.length -= size;
    this.position += size;
    if (this.length === 0) {
      this.#reset();
      return;
    }
    while (size > 0) {
      const left = this.#end(this.#first) - this.#start;
      if (size < left) {
        this.#start += size;
        return;
      }
      size -= left;
      this.#blocks[this.#first++] = EMPTY;
      this.#start = 0;
    }
    if (this.#first > 32 && this.#first * 2 > this.#blocks.length) {
      this.#blocks = this.#blocks.slice(this.#first);
      this.#cursor -= this.#first;
      this.#first = 0;
    }
  }

  clear(): void {
    this.skip(this.length);
    this.feedsToDrop = 0;
  }

  /** Whether a byte that arrives is to be dropped. Asked once for each while {@link feedsToDrop} is not 0. */
  drops(byte: number | undefined): boolean {
    this.feedsToDrop = byte === LINE_FEED ? this.feedsToDrop - 1 : 0;
    return byte === LINE_FEED;
  }

  /** Where `needle` first begins at or after `from`, or -1. It may span several runs of memory. */
  indexOf(needle: Uint8Array, from: number): number {
    if (from + needle.length > this.length) return -1;
    let index = this.#blockAt(from);
    let passed = this.#passed;
    for (; index < this.#blocks.length; index++) {
      const start = this.#startOf(index);
      const size = this.#end(index) - start;
      const offset = Math.max(0, from - passed);
      const found = this.#findIn(index, needle, start + offset);
      if (found !== -1) return passed + found - start;
      // Nothing lies within this run; what begins in its last bytes may end in the next ones.
      for (let tail = Math.max(offset, size - needle.length + 1); tail < size; tail++) {
        if (this.#continues(index, start + tail, needle)) return passed + tail;
      }
      passed += size;
    }
    return -1;
  }

  /** Where one of two bytes first stands at or after `from`, or -1. */
  indexOfEither(a: number, b: number, from: number): number {
    if (from >= this.length) return -1;
    let index = this.#blockAt(from);
    let passed = this.#passed;
    for (; index < this.#blocks.length; index++) {
      const start = this.#startOf(index);
      const size = this.#end(index) - start;
      const begin = start + Math.max(0, from - passed);
      const found = indexOfEitherIn(this.#blocks[index] ?? EMPTY, a, b, begin, start + size);
      if (found !== -1) return passed + found - start;
      passed += size;
    }
    return -1;
  }

  /**
   * Index of the block with the byte at `position`; of the last block for the end of the queue. How many bytes of the queue are
   * before that block is in `#passed` then.
   */
  #blockAt(position: number): number {
    const wanted = this.position + position;
    if (this.#cursor < this.#first) {
      this.#cursor = this.#first;
      this.#cursorPosition = this.position - this.#start;
    }
    while (wanted < this.#cursorPosition) this.#cursorPosition -= this.#end(--this.#cursor);
    // The last block may still grow: its end is not passed.
    while (this.#cursor < this.#blocks.length - 1) {
      const next = this.#cursorPosition + this.#end(this.#cursor);
      if (wanted < next) break;
      this.#cursorPosition = next;
      this.#cursor++;
    }
    this.#passed = Math.max(0, this.#cursorPosition - this.position);
    return this.#cursor;
  }

  /** Where `needle` stands within a block, at or after `from`, or -1. */
  #findIn(index: number, needle: Uint8Array, from: number): number {
    const block = this.#blocks[index] ?? EMPTY;
    const end = this.#end(index);
    const [first] = needle;
    if (first === undefined) return from;
    // A search for one byte costs a fraction of one for several; but the first byte may be frequent.
    for (let tries = 0; tries < MAX_TRIES || needle.length === 1; tries++) {
      const found = block.indexOf(first, from);
      if (found === -1 || found + needle.length > end) return -1;
      if (standsAt(block, found, needle)) return found;
      from = found + 1;
    }
    // Behind its own bytes an open block has old bytes of another queue. This search does not look at many of them.
    if (block.length - from <= MAX_SEARCHED_SHARE * (end - from)) {
      const found = block.indexOf(needle, from);
      return found !== -1 && found + needle.length <= end ? found : -1;
    }
    const found = block.subarray(from, end).indexOf(needle);
    return found === -1 ? -1 : from + found;
  }

  /** Whether `needle` stands at `start` of block `index` and goes on in the blocks after it. */
  #continues(index: number, start: number, needle: Uint8Array): boolean {
    for (const byte of needle) {
      while (start >= this.#end(index)) {
        start = 0;
        if (++index >= this.#blocks.length) return false;
      }
      if (this.#blocks[index]?.[start++] !== byte) return false;
    }
    return true;
  }

  #end(index: number): number {
    return this.#isOpen(index) ? this.#used : (this.#blocks[index]?.length ?? 0);
  }

  #startOf(index: number): number {
    return index === this.#first ? this.#start : 0;
  }

  #isOpen(index: number): boolean {
    return this.#open !== null && index === this.#blocks.length - 1;
  }

  #run(index: number, start: number): NonSharedBuffer {
    const block = this.#blocks[index] ?? EMPTY;
    const end = this.#end(index);
    return start === 0 && end === block.length ? block : block.subarray(start, end);
  }

  #push(block: NonSharedBuffer): void {
    this.#seal();
    this.#blocks.push(block);
    this.length += block.length;
  }

  #gather(memory: Buffer, size: number): void {
    if (size === 0) return;
    if (this.#open === null || this.#open.length - this.#used < size) {
      this.#seal();
      this.#open = this.#newBlock();
      this.#used = 0;
      this.#blocks.push(this.#open);
    }
    memory.copy(this.#open, this.#used, 0, size);
    this.#used += size;
    this.length += size;
  }

  /** The end of `chunk` fills what has left the first block, whose memory is this queue's alone; the rest goes into a new block. */
  #prepend(chunk: Uint8Array): void {
    const size = chunk.length;
    const fits = Math.min(this.#start, size);
    this.#start -= fits;
    if (fits > 0) this.#blocks[this.#first]?.set(chunk.subarray(size - fits), this.#start);
    this.length += size;
    const rest = size - fits;
    if (rest === 0) return;
    // With room before it for more of the kind.
    const block = 2 * rest < this.#blockSize ? this.#newBlock() : Buffer.allocUnsafeSlow(rest);
    this.#start = block.length - rest;
    block.set(chunk.subarray(0, rest), this.#start);
    if (this.#first > 0) this.#blocks[--this.#first] = block;
    else this.#blocks.unshift(block);
  }

  #newBlock(): NonSharedBuffer {
    const block =
      unusedBlock?.length === this.#blockSize ? unusedBlock : Buffer.allocUnsafeSlow(this.#blockSize);
    if (block === unusedBlock) unusedBlock = null;
    return block;
  }

  /** Cuts the open block to the bytes in it: no more are written into it. */
  #seal(): void {
    if (this.#open === null) return;
    this.#blocks[this.#blocks.length - 1] = this.#open.subarray(0, this.#used);
    this.#open = null;
  }

  #reset(): void {
    // A new one costs less than setting the length of this one.
    if (this.#blocks.length > 0) this.#blocks = [];
    this.#first = 0;
    this.#start = 0;
    this.#cursor = -1;
    if (this.#open !== null) unusedBlock = this.#open;
    this.#open = null;
  }
}

function standsAt(block: Buffer, at: number, needle: Uint8Array): boolean {
  for (let i = 1; i < needle.length; i++) if (block[at + i] !== needle[i]) return false;
  return true;
}

/** Up to this many bytes are looked at one by one, since a call of `indexOf` takes longer for them. */
const FIRST_WINDOW_BYTES = 64;

/**
 * Where one of two bytes first stands in `block` from `begin` to before `end`, or -1. Each window is larger than the one
 * before: however far one of the two is, the search goes at most a few times as far as the other.
 */
function indexOfEitherIn(block: Buffer, a: number, b: number, begin: number, end: number): number {
  let near = Math.min(end, begin + FIRST_WINDOW_BYTES);
  for (let at = begin; at < near; at++) {
    if (block[at] === a || block[at] === b) return at;
  }
  for (let size = FIRST_WINDOW_BYTES * 4; near < end; size *= 4) {
    const window = block.subarray(near, Math.min(end, near + size));
    const first = window.indexOf(a);
    const second = (first === -1 ? window : window.subarray(0, first)).indexOf(b);
    if (second !== -1) return near + second;
    if (first !== -1) return near + first;
    near += window.length;
  }
  return -1;
}
