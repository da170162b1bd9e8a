import { Buffer } from "node:buffer";
import type { NonSharedBuffer } from "./non-shared.js";

const PAGE_BYTES = 4096;
/** In how many places of a page the memory can begin: at most one of them is slow, since the slow range is 31 bytes. */
const PLACES = 32;

/**
 * Memory that is read into again and again. Each move shifts its beginning to another place in a page.
 *
 * To copy is up to twenty times slower on some processors where the target begins a little further into its page than the
 * source does into its own: on AMD's Zen 3 by 1 to 31 bytes
 * (https://sourceware.org/bugzilla/show_bug.cgi?id=30994). The kernel's data tends to begin with a page, and what
 * malloc maps 16 bytes later; and where each read is as long as some pages are, a bad place would be one for good.
 */
export class PageShiftedMemory {
  readonly #size: number;
  /** Empty until the memory is first asked for. */
  #places: readonly NonSharedBuffer[] = [];
  #place = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** The memory at its present place. */
  get current(): NonSharedBuffer {
    return this.#places[this.#place] ?? this.#made();
  }

  #made(): NonSharedBuffer {
    this.#places = placesIn(this.#size);
    return this.#places[this.#place] as NonSharedBuffer;
  }

  /** Shifts the memory and returns it. It is replaced if the program has transferred it. */
  move(): NonSharedBuffer {
    if (this.current.length !== this.#size) this.#made();
    this.#place = (this.#place + 1) % PLACES;
    return this.current;
  }

  /** Whether a buffer is this memory, at any of its places. */
  has(memory: NonSharedBuffer): boolean {
    return memory === this.#places[this.#place] || this.#places.includes(memory);
  }
}

function placesIn(size: number): readonly NonSharedBuffer[] {
  const memory = Buffer.allocUnsafeSlow(size + PAGE_BYTES);
  const step = PAGE_BYTES / PLACES;
  return Array.from({ length: PLACES }, (_, place) => memory.subarray(place * step, place * step + size));
}
