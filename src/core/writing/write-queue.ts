import type { Operation } from "../../errors.js";
import type { Bounded, Deadline } from "../timing/deadlines.js";
import type { WritePromise } from "./write-promise.js";
import { sizeOf, type Payload } from "../bytes/payload.js";

/** Something that happens in its turn, and the call that waits for it. */
export class Entry implements Bounded<Entry> {
  /** What the call was given, also once it waits no longer. */
  promise: WritePromise | null = null;
  /** Takes the listener off the call's signal. */
  unwatch: (() => void) | null = null;
  /** The call's own timeout, if it has one. */
  deadline: Deadline<Entry> | null = null;
  since = 0;
  next: Entry | null = null;
  previous: Entry | null = null;
  /** Bytes of the payload. */
  readonly size: number;

  /**
   * `data` leaves the queue when its caller gives up, `kept` is sent all the same; a `mark` sends nothing and settles
   * when all before it is sent; `end` sends FIN, all the same. `open` is the stream's own: it is in its turn until that
   * has connected.
   */
  constructor(
    readonly kind: "data" | "gathered" | "mark" | "end" | "open",
    readonly operation: Operation,
    /** Given up when the entry leaves the queue unsent. */
    public payload: Payload = "",
  ) {
    this.size = sizeOf(payload);
  }

  /** Whether a call waits for it. */
  get isAwaited(): boolean {
    return this.promise !== null && this.promise.isPending;
  }

  /** Whether it has its turn also when nobody waits for it any more. */
  get staysQueued(): boolean {
    return this.kind === "gathered" || this.kind === "end";
  }

  /** Whether it is bytes that somebody has written. */
  get isData(): boolean {
    return this.kind === "data" || this.kind === "gathered";
  }

  /** What the error of a write says of its bytes: those that are kept in the queue may still follow. */
  written(isSending: boolean, isDropped = false): { written?: "nothing" | "partly" } {
    if (!this.isData) return {};
    return { written: isSending || (this.kind === "gathered" && !isDropped) ? "partly" : "nothing" };
  }
}

/** First in, first out, and out of the middle in no time. */
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

  /** Takes out an entry that is in the queue. */
  remove(entry: Entry): void {
    this.size -= entry.size;
    if (entry.previous === null) this.first = entry.next;
    else entry.previous.next = entry.next;
    if (entry.next === null) this.#last = entry.previous;
    else entry.next.previous = entry.previous;
    entry.next = entry.previous = null;
  }
}
