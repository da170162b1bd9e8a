import { ByteQueue } from "../../core/bytes/byte-queue.js";
import type { Part } from "./packet.js";

/** Most bytes that wait for the program to read them. */
export const RECEIVE_BUFFER_BYTES = 64 * 1024;

/** Receives one direction of a connection: each part once, in their order. */
export class Receiver {
  /** What the program has not read. */
  readonly bytes = new ByteQueue();
  /** Whether the peer's end follows these bytes. */
  ended = false;
  #next = 0;
  readonly #early = new Map<number, Part>();

  /** The number of the part that is expected. */
  get next(): number {
    return this.#next;
  }

  get room(): number {
    return Math.max(0, RECEIVE_BUFFER_BYTES - this.bytes.length);
  }

  /** Takes a part that has arrived, and those that it completes. Returns what is new, in order. */
  receive(number: number, part: Part): readonly Part[] {
    if (number < this.#next) return [];
    this.#early.set(number, part);
    const taken: Part[] = [];
    for (let here = this.#early.get(this.#next); here !== undefined; here = this.#early.get(this.#next)) {
      this.#early.delete(this.#next++);
      if (here.kind === "bytes") this.bytes.copy(here.bytes, here.bytes.length);
      if (here.kind === "end") this.ended = true;
      taken.push(here);
    }
    return taken;
  }
}
