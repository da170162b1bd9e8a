import { Buffer } from "node:buffer";
import { PageShiftedMemory } from "./page-shifted-memory.js";

const NONE = Buffer.alloc(0);

/** What each piece of a ring has at first: as much as is read at once. */
const RING_BYTES = 64 * 1024;
/** What it grows to: more at once means fewer calls of the kernel, up to about here. */
const MAX_RING_BYTES = 256 * 1024;

/** Reads below this are few bytes for a ring... */
const SMALL_READ_BYTES = 8 * 1024;
/** ...and after so many of them in a row it is given up. */
const MAX_SMALL_READS = 16;

/** Two pieces of memory that are read into in turn; three once something was ahead of the loop. */
export class Ring {
  #last: PageShiftedMemory;
  #next: PageShiftedMemory;
  #third: PageShiftedMemory | null = null;

  constructor(readonly size: number) {
    this.#last = new PageShiftedMemory(size);
    this.#next = new PageShiftedMemory(size);
  }

  /** One that was not the last; nor, if what is in that is `ahead`, the one before, which the loop still holds. */
  next(ahead = false): Buffer {
    const next = ahead ? (this.#third ??= new PageShiftedMemory(this.size)) : this.#next;
    if (ahead) this.#third = this.#next;
    this.#next = this.#last;
    this.#last = next;
    return next.move();
  }
}

/**
 * The memory of a loop that recycles it: as little as its bytes need. What comes in small pieces is copied into one piece
 * of memory again and again. Once a read has brought as much as can be read at once, arrivals are read into two large ones
 * in turn without a copy, and into larger ones if they fill these; then at most one may be ahead of the loop. What the loop
 * has stays as it is until the next are asked for, and if they never are for good.
 */
export class ReusedMemory {
  ring: Ring | null = null;
  #copies = NONE;
  #smallReads = 0;

  /** The first `size` bytes of `memory`, to be used until the next are asked for. */
  view(memory: Buffer, size: number, lent: boolean): Buffer {
    this.#adapt(size);
    if (!lent) return size === memory.length ? memory : memory.subarray(0, size);
    const copies = this.#memoryFor(size);
    memory.copy(copies, 0, 0, size);
    return copies.subarray(0, size);
  }

  #memoryFor(size: number): Buffer {
    const memory = this.ring?.next() ?? this.#copies;
    if (memory.length >= size) return memory;
    // More than is read at once comes from a stream that was adopted.
    if (size > RING_BYTES) return Buffer.allocUnsafeSlow(size);
    return (this.#copies = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(size))));
  }

  #adapt(size: number): void {
    if (this.ring === null) {
      if (size >= RING_BYTES) this.ring = new Ring(RING_BYTES);
    } else if (size >= this.ring.size && this.ring.size < MAX_RING_BYTES) {
      this.ring = new Ring(2 * this.ring.size);
    }
    if (size >= SMALL_READ_BYTES) this.#smallReads = 0;
    else if (++this.#smallReads === MAX_SMALL_READS) {
      this.ring = null;
      if (this.#copies.length > SMALL_READ_BYTES) this.#copies = NONE;
    }
  }
}
