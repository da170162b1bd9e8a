import { Buffer } from "node:buffer";
import { cancel, clock, type Timer } from "../../core/timing/clock.js";
import type { Random } from "../random.js";
import type { DirectionFaults } from "./options.js";

/** How long a piece waits for others to be joined with. */
const MERGE_WAIT_MS = 5;

/** Where the bytes of one direction come out. */
export interface Outlet {
  /** Takes a piece; returns whether more may come before {@link Passage.resume} is called. */
  deliver(piece: Buffer): boolean;
  /** What followed the bytes: the end, and then perhaps that the stream was closed. */
  finish(last: Last): void;
  /** As many bytes as `resetAfter` says have come out. */
  reset(): void;
  /** Bytes have come out: there is room for others. */
  drained(): void;
}

/** What follows the last byte. */
export type Last = { readonly kind: "end" } | { readonly kind: "closed"; readonly error: Error | null };

interface Item {
  readonly due: number;
  /** What is left of a piece; or what comes behind all bytes. */
  content: Buffer | Last;
}

/** One direction of a faulty stream: bytes go in as they come, and come out later, cut and joined, in order. */
export class Passage {
  /** Bytes that are on their way. */
  size = 0;
  readonly #faults: DirectionFaults;
  readonly #random: Random;
  readonly #outlet: Outlet;
  readonly #items: Item[] = [];
  #passed = 0;
  /** When the last piece comes out: none overtakes it. */
  #lastDue = 0;
  #isWanted = true;
  #isOver = false;
  #timer: Timer | undefined;

  constructor(faults: DirectionFaults, random: Random, outlet: Outlet) {
    this.#faults = faults;
    this.#random = random;
    this.#outlet = outlet;
    if (faults.resetAfter === 0) this.#schedule(0);
  }

  /** Whether all that was put in has come out. */
  get isDone(): boolean {
    return this.#items.length === 0;
  }

  /** Whether what is on its way comes out by itself, without a {@link resume}. */
  get isMoving(): boolean {
    return !this.isDone && this.#isWanted && this.#passed + this.size < this.#faults.stallAfter;
  }

  /** Puts bytes in; their memory belongs to the passage from then on. */
  give(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.size += bytes.length;
    this.#add(bytes);
  }

  /** Puts in what follows the last byte. */
  end(last: Last): void {
    this.#add(last);
  }

  /** The outlet wants more. */
  resume(): void {
    this.#isWanted = true;
    if (this.#items.length > 0) this.#schedule(0);
  }

  /** Drops what is on its way. Nothing comes out any more. */
  stop(): void {
    this.#isOver = true;
    this.#items.length = 0;
    cancel(this.#timer);
    this.#timer = undefined;
  }

  #add(content: Buffer | Last): void {
    if (this.#isOver) return;
    const [min, max] = this.#faults.latency;
    const latency = min === max ? min : min + this.#random(Math.floor(max - min) + 1);
    // What waits for the next piece comes out together with it, if that follows soon.
    const wait = this.#faults.merge > 0 && this.#items.length === 0 ? this.#random(MERGE_WAIT_MS + 1) : 0;
    this.#lastDue = Math.max(this.#lastDue, clock.now() + latency + wait);
    this.#items.push({ due: this.#lastDue, content });
    this.#schedule(this.#lastDue - clock.now());
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined || this.#isOver) return;
    this.#timer = ms > 0 ? clock.setTimeout(this.#step, Math.ceil(ms)) : clock.setImmediate(this.#step);
  }

  /** Lets one piece out, or waits for the time of the next one. */
  readonly #step = (): void => {
    this.#timer = undefined;
    const { stallAfter, resetAfter } = this.#faults;
    if (this.#passed >= resetAfter) {
      this.stop();
      this.#outlet.reset();
      return;
    }
    const [head] = this.#items;
    if (head === undefined || this.#passed >= stallAfter || !this.#isWanted) return;
    const ms = head.due - clock.now();
    if (ms > 0) {
      this.#schedule(ms);
      return;
    }
    if (!Buffer.isBuffer(head.content)) {
      this.#items.shift();
      if (this.#items.length > 0) this.#schedule(0);
      this.#outlet.finish(head.content);
      return;
    }
    const piece = this.#harmed(this.#take(Math.min(stallAfter, resetAfter) - this.#passed));
    this.#passed += piece.length;
    this.size -= piece.length;
    this.#isWanted = this.#outlet.deliver(piece);
    this.#outlet.drained();
    if (this.#items.length > 0 || this.#passed >= resetAfter) this.#schedule(0);
  };

  /** Takes the next piece off the pieces that are due, at most `most` bytes of them. */
  #take(most: number): Buffer {
    const { merge } = this.#faults;
    const now = clock.now();
    let left = Math.min(most, this.#sizeOfPiece());
    if (merge > 0) left = Math.min(left, merge);
    const parts: Buffer[] = [];
    for (let [head] = this.#items; head !== undefined; [head] = this.#items) {
      if (!Buffer.isBuffer(head.content) || head.due > now) break;
      if (parts.length > 0 && (merge === 0 || this.#random(4) === 0)) break;
      const part = head.content.subarray(0, left);
      parts.push(part);
      left -= part.length;
      if (part.length === head.content.length) this.#items.shift();
      else head.content = head.content.subarray(part.length);
      if (left === 0) break;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  #sizeOfPiece(): number {
    const { chop } = this.#faults;
    if (chop === null) return Infinity;
    if (chop.sizes === "any") return 1 + this.#random(chop.most);
    // Each power of two as often as the others.
    return 1 + this.#random(2 ** (1 + this.#random(Math.log2(chop.most))));
  }

  /** The piece with one bit changed, if it has the byte that is to be harmed. */
  #harmed(piece: Buffer): Buffer {
    const at = this.#faults.corruptAfter - this.#passed;
    if (at < 0 || at >= piece.length) return piece;
    const harmed = Buffer.from(piece);
    harmed[at] = (harmed[at] as number) ^ (1 << this.#random(8));
    return harmed;
  }
}
