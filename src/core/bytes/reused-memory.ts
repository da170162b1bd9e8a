import { Buffer } from "node:buffer";
import type { NonSharedBuffer } from "./non-shared.js";
import { PageShiftedMemory } from "./page-shifted-memory.js";

const NONE = Buffer.alloc(0);

/** First size of each piece of a ring: as much as one read brings. */
const RING_BYTES = 64 * 1024;
/** Largest size of each piece: larger reads save system calls, up to about this size. */
const MAX_RING_BYTES = 256 * 1024;

/** A read below this size is small for a ring. */
const SMALL_READ_BYTES = 8 * 1024;
/** After this number of small reads in a row the ring is given up. */
const MAX_SMALL_READS = 16;

/** Two pieces of memory that are read into alternately; three once an arrival was ahead of the loop. */
export class Ring {
  #last: PageShiftedMemory;
  #next: PageShiftedMemory;
  #third: PageShiftedMemory | null = null;

  constructor(readonly size: number) {
    this.#last = new PageShiftedMemory(size);
    this.#next = new PageShiftedMemory(size);
  }

  /**
   * The piece to read into next: not the last one, and if that is `ahead` of the loop, not the one before it either, which
   * the loop still holds.
   */
  next(ahead = false): NonSharedBuffer {
    const next = ahead ? (this.#third ??= new PageShiftedMemory(this.size)) : this.#next;
    if (ahead) this.#third = this.#next;
    this.#next = this.#last;
    this.#last = next;
    return next.move();
  }
}

/**
 * The memory of a loop that recycles it. Small arrivals are copied into one piece of memory again and again. Once a read has
 * filled 64 KiB, the socket reads into the two pieces of a ring alternately, without a copy, and into larger ones if it fills
 * those; at most one arrival may then be ahead of the loop. What the loop has is valid until it asks for the next chunk.
 */
export class ReusedMemory {
  ring: Ring | null = null;
  #copies = NONE;
  #smallReads = 0;

  /** The first `size` bytes of `memory`, valid until the next call. `lent` memory is copied. */
  view(memory: Buffer, size: number, lent: boolean): NonSharedBuffer {
    this.#adapt(size);
    if (!lent) return (size === memory.length ? memory : memory.subarray(0, size)) as NonSharedBuffer;
    const copies = this.#memoryFor(size);
    memory.copy(copies, 0, 0, size);
    return copies.subarray(0, size);
  }

  #memoryFor(size: number): NonSharedBuffer {
    const memory = this.ring?.next() ?? this.#copies;
    if (memory.length >= size) return memory;
    // Only an adopted stream brings more than that at once.
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
