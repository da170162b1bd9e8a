/** Large payloads in portions that a socket can be handed at once. */
import { nextTick } from "node:process";
import { memoryChanged } from "../bytes/given-bytes.js";
import { MAX_UTF8_BYTES_PER_CODE_UNIT, sizeOf, type Payload } from "../bytes/payload.js";
import type { Taken } from "./transport.js";

/**
 * Most bytes that a socket is handed at once. Node and libuv keep what is being written in 32 bits: a list is refused
 * (`ENOBUFS`) where three bytes for each unit of its texts come to 2 GiB, and of 4 GiB that wait none would be seen.
 */
export const MOST_AT_ONCE = 128 * 1024 * 1024;

/** Whether it can be handed over at once. */
export function fits(payload: Payload, most = MOST_AT_ONCE): boolean {
  if (typeof payload === "string" || payload instanceof Uint8Array) return mostOf(payload) <= most;
  let size = 0;
  for (const part of payload) size += mostOf(part);
  return size <= most;
}

/**
 * Cuts a payload into portions that fit, between characters.
 *
 * @throws TypeError, when it comes to a view that has other bytes than it had at first
 */
export function* portionsOf(payload: Payload, most = MOST_AT_ONCE): Generator<Payload, void> {
  const parts = typeof payload === "string" || payload instanceof Uint8Array ? [payload] : payload;
  const lengths = parts.map(({ length }) => length);
  let portion: (string | Uint8Array)[] = [];
  let size = 0;
  for (const [number, part] of parts.entries()) {
    for (let from = 0; from < (lengths[number] ?? 0);) {
      if (part.length !== lengths[number]) throw memoryChanged();
      const cut = cutOf(part, from, most);
      if (size + mostOf(cut) > most) {
        yield portion;
        [portion, size] = [[], 0];
        continue;
      }
      portion.push(cut);
      size += mostOf(cut);
      from += cut.length;
    }
  }
  if (portion.length > 0) yield portion;
}

/** Sends a payload portion by portion, each when the one before was taken. */
export class Portions {
  /** Bytes that were not handed over yet. */
  ahead: number;
  readonly #left: Generator<Payload, void>;
  readonly #hand: (portion: Payload, taken: Taken) => void;
  readonly #taken: Taken;

  constructor(payload: Payload, hand: (portion: Payload, taken: Taken) => void, taken: Taken) {
    this.ahead = sizeOf(payload);
    this.#left = portionsOf(payload);
    this.#hand = hand;
    this.#taken = taken;
    this.#sendOn(false);
  }

  /** Takes out what was not handed over, to be sent in another way. */
  *rest(): Generator<Payload, void> {
    this.ahead = 0;
    yield* this.#left;
  }

  /** `begun`: some of it was taken. */
  #sendOn(begun: boolean): void {
    for (;;) {
      let next: IteratorResult<Payload, void>;
      try {
        next = this.#left.next();
      } catch (error) {
        this.#fail(error as Error, begun);
        return;
      }
      if (next.done === true) {
        this.#taken();
        return;
      }
      this.ahead -= sizeOf(next.value);
      const isBegun = begun;
      let state: "handing" | "taken" | "waiting" = "handing";
      this.#hand(next.value, (error) => {
        if (error) this.#fail(error, isBegun);
        else if (state === "waiting") this.#sendOn(true);
        else state = "taken";
      });
      if ((state as string) !== "taken") {
        state = "waiting";
        return;
      }
      begun = true;
    }
  }

  /** What fails before `send` has returned counts as not sent at all. */
  #fail(error: Error, begun: boolean): void {
    // Behind the gap nothing follows.
    this.#left.return();
    if (begun) nextTick(this.#taken, error);
    else this.#taken(error);
  }
}

/** As much of a part as fits, from there. */
function cutOf(part: string | Uint8Array, from: number, most: number): string | Uint8Array {
  if (typeof part !== "string") return part.subarray(from, from + most);
  const to = from + Math.max(2, Math.floor(most / MAX_UTF8_BYTES_PER_CODE_UNIT));
  // Between the halves of a surrogate pair each would become a character of its own.
  const isBetween =
    (part.charCodeAt(to - 1) & 0xfc00) === 0xd800 && (part.charCodeAt(to) & 0xfc00) === 0xdc00;
  return part.slice(from, isBetween ? to - 1 : to);
}

/** The most bytes that it may come to. */
function mostOf(part: string | Uint8Array): number {
  return typeof part === "string" ? MAX_UTF8_BYTES_PER_CODE_UNIT * part.length : part.length;
}
