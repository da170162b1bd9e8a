import type { Operation } from "../../errors.js";
import type { Deadline, WaitingCall } from "../timing/deadlines.js";
import type { WritePromise } from "./write-promise.js";
import { partsOf, sizeOf, type Payload } from "../bytes/payload.js";

/** Most entries that are sent in one go: the kernel gathers as many pieces (IOV_MAX). */
const MAX_GROUP_ENTRIES = 1_024;

/** When a call has begun to wait whose time does not run yet. */
export const NOT_BEGUN = -1;

/** Something to be sent in order, and the call that waits for it. */
export class Entry implements WaitingCall<Entry> {
  /** The promise of the call, also when the call waits no longer; `null`: no call ever waited. */
  promise: WritePromise | null = null;
  /** Removes the listener from the call's signal. */
  unwatch: (() => void) | null = null;
  /** When the call's own timeout is over; `null` if it has none. */
  deadline: Deadline<Entry> | null = null;
  since = NOT_BEGUN;
  /** Whether the transport was given it: it is no longer in the queue. */
  isSending = false;
  next: Entry | null = null;
  previous: Entry | null = null;
  /** Bytes of the payload. */
  readonly size: number;

  /**
   * - `data`: bytes that leave the queue when their caller gives up
   * - `gathered`: bytes of several writes, which are sent also when the caller gives up
   * - `mark`: sends nothing, and settles when all entries before it were sent
   * - `end`: sends FIN, also when the caller gives up
   * - `open`: sends nothing, and holds up the queue until the stream has connected
   */
  constructor(
    readonly kind: "data" | "gathered" | "mark" | "end" | "open",
    readonly operation: Operation,
    /** Replaced by `""` when the entry leaves the queue unsent. */
    public payload: Payload = "",
  ) {
    this.size = sizeOf(payload);
  }

  /** Whether a call waits for it. */
  get isAwaited(): boolean {
    return this.promise !== null && this.promise.isPending;
  }

  /** Whether it is sent also when no call waits for it any more. */
  get staysQueued(): boolean {
    return this.kind === "gathered" || this.kind === "end";
  }

  /** Whether it sends bytes. */
  get isData(): boolean {
    return this.kind === "data" || this.kind === "gathered";
  }

  /** What the error of a call says of its bytes: gathered bytes that stay in the queue may still be sent. */
  written(isSending: boolean, isDropped = false): { written?: "nothing" | "partly" } {
    if (!this.isData) return {};
    return { written: isSending || (this.kind === "gathered" && !isDropped) ? "partly" : "nothing" };
  }
}

/** Entries in the order in which they are sent. Any of them is removed in constant time. */
export class WriteQueue {
  first: Entry | null = null;
  #last: Entry | null = null;
  /** Bytes of all payloads in the queue. */
  size = 0;

  push(entry: Entry): void {
    this.size += entry.size;
    entry.previous = this.#last;
    if (this.#last === null) this.first = entry;
    else this.#last.next = entry;
    this.#last = entry;
  }

  shift(): Entry | null {
    const { first } = this;
    if (first !== null) this.remove(first);
    return first;
  }

  /** Takes out the first entry, and those of data behind it that have no more than `bytes` bytes with it. */
  shiftGroup(bytes: number): Entry[] {
    const first = this.shift();
    if (first === null) return [];
    const group = [first];
    if (!first.isData) return group;
    let size = first.size;
    for (let { first: next } = this; next?.isData === true; { first: next } = this) {
      size += next.size;
      if (size > bytes || group.length === MAX_GROUP_ENTRIES) break;
      this.remove(next);
      group.push(next);
    }
    return group;
  }

  /** Removes an entry, which must be in the queue. */
  remove(entry: Entry): void {
    this.size -= entry.size;
    if (entry.previous === null) this.first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === null) this.#last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.next = entry.previous = null;
  }
}

/** What some entries send, as one payload. */
export function payloadOfAll(entries: readonly Entry[]): Payload {
  const [first] = entries;
  return first !== undefined && entries.length === 1
    ? first.payload
    : entries.flatMap(({ payload }) => partsOf(payload));
}
