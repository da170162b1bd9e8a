import { Buffer } from "node:buffer";

const EMPTY = Buffer.alloc(0);

/** Small arrivals share blocks of this size, so that a sender of single bytes costs bytes, not objects. */
const BLOCK_SIZE = 4 * 1024;

/**
 * Bytes in the order they arrived, in as few pieces as they came in. What is taken out is the taker's own: no memory
 * is handed out twice, and appending never touches what was handed out.
 */
export class ByteQueue {
  #blocks: Buffer[] = [];
  /** Index of the first block that is still in the queue, and where in it the bytes begin. */
  #first = 0;
  #start = 0;
  /** The last block's memory while it has room; its bytes in the queue end at `#used`. */
  #open: Buffer | null = null;
  #used = 0;

  /** How many bytes are in the queue. */
  length = 0;
  /** How many bytes have left the queue since it was made. */
  taken = 0;

  /** Appends a copy of the first `size` bytes of `memory`. */
  copy(memory: Buffer, size: number): void {
    if (size === 0) return;
    if (this.#open === null || this.#open.length - this.#used < size) {
      if (this.length === 0 || size >= BLOCK_SIZE / 2) {
        const own = Buffer.allocUnsafe(size);
        memory.copy(own, 0, 0, size);
        this.append(own);
        return;
      }
      this.#seal();
      this.#open = Buffer.allocUnsafeSlow(BLOCK_SIZE);
      this.#used = 0;
      this.#blocks.push(this.#open);
    }
    memory.copy(this.#open, this.#used, 0, size);
    this.#used += size;
    this.length += size;
  }

  /** Appends a chunk that is the queue's from now on. */
  append(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#seal();
    this.#blocks.push(chunk);
    this.length += chunk.length;
  }

  /** Takes the first run of adjacent bytes, or the first `most` of it; the queue must not be empty. */
  takeRun(most = Infinity): Buffer {
    const run = this.#run(this.#first, this.#start);
    const taken = run.length > most ? run.subarray(0, most) : run;
    this.skip(taken.length);
    return taken;
  }

  /** Takes the first `size` bytes in one piece; there must be as many. */
  take(size: number): Buffer {
    if (size === 0) return EMPTY;
    const run = this.#run(this.#first, this.#start);
    if (run.length >= size) return this.takeRun(size);
    const whole = Buffer.allocUnsafe(size);
    this.takeInto(whole);
    return whole;
  }

  /** Moves as many bytes as there are, and fit, into `target`, and says how many. */
  takeInto(target: Uint8Array): number {
    let filled = 0;
    while (filled < target.length && this.length > 0) {
      const run = this.takeRun(target.length - filled);
      target.set(run, filled);
      filled += run.length;
    }
    return filled;
  }

  /** The first run of adjacent bytes, left where it is. */
  peekRun(): Buffer {
    return this.length === 0 ? EMPTY : this.#run(this.#first, this.#start);
  }

  /** The byte at `position`, which must be in the queue. */
  at(position: number): number | undefined {
    for (let index = this.#first, from = this.#start; ; index++, from = 0) {
      const run = this.#run(index, from);
      if (position < run.length) return run[position];
      position -= run.length;
    }
  }

  /** Drops the first `size` bytes; there must be as many. */
  skip(size: number): void {
    this.length -= size;
    this.taken += size;
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
      this.#first = 0;
    }
  }

  clear(): void {
    this.skip(this.length);
  }

  /** Where `needle` first begins at or after `from`, or -1. Runs of memory do not matter to it. */
  indexOf(needle: Uint8Array, from: number): number {
    let passed = 0;
    for (let index = this.#first, start = this.#start; index < this.#blocks.length; index++, start = 0) {
      const size = this.#end(index) - start;
      if (from < passed + size) {
        const run = this.#run(index, start);
        const offset = Math.max(0, from - passed);
        const found = run.indexOf(needle, offset);
        if (found !== -1) return passed + found;
        // Nothing lies within this run; what begins in its last bytes may end in the next ones.
        for (let tail = Math.max(offset, size - needle.length + 1); tail < size; tail++) {
          if (this.#continues(index, start + tail, needle)) return passed + tail;
        }
      }
      passed += size;
    }
    return -1;
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
    if (index === this.#blocks.length - 1 && this.#open !== null) return this.#used;
    return this.#blocks[index]?.length ?? 0;
  }

  #run(index: number, start: number): Buffer {
    const block = this.#blocks[index] ?? EMPTY;
    const end = this.#end(index);
    return start === 0 && end === block.length ? block : block.subarray(start, end);
  }

  /** Cuts the open block to what is in it: nothing is written into it any more. */
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
    this.#open = null;
  }
}
