import type { Buffer } from "node:buffer";
import { bytesOf, partsOf, type Payload } from "./payload.js";

/** What is left of a payload. Its memory is the caller's, so that bytes which leave it have to be copied. */
export class Rest {
  /** Bytes that are left. */
  size = 0;
  readonly #parts: readonly Buffer[];
  #index = 0;
  #offset = 0;

  constructor(payload: Payload) {
    this.#parts = partsOf(payload)
      .map((part) => bytesOf(part))
      .filter(({ length }) => length > 0);
    for (const { length } of this.#parts) this.size += length;
  }

  /** Takes the next bytes, at most `most`, in the caller's memory; `null` if that was transferred or resized. */
  take(most: number): Buffer | null {
    const part = this.#parts[this.#index];
    if (part === undefined || part.length === 0) return null;
    const bytes = part.subarray(this.#offset, this.#offset + most);
    this.#offset += bytes.length;
    this.size -= bytes.length;
    if (this.#offset === part.length) {
      this.#index++;
      this.#offset = 0;
    }
    return bytes;
  }

  /** Takes all that is left, as far as the memory is what it was. */
  takeAll(): Buffer[] {
    const all: Buffer[] = [];
    for (let bytes = this.take(this.size); bytes !== null; bytes = this.take(this.size)) all.push(bytes);
    return all;
  }
}
