import { WakeQueue, type Timed } from "./wake-queue.js";

/** How often per `writeTimeout` the progress of a long write is looked at. */
const SAMPLES_PER_TIMEOUT = 4;

/** The list of calls is searched for those that no longer wait when it has this many, or later. */
const MIN_SWEEP_CALLS = 1_024;

/** The deadline of a call that has a timeout of its own: a member of the heap of these. */
export class Deadline<T> implements Timed {
  due = Infinity;
  place = -1;

  constructor(
    readonly call: T,
    readonly timeout: number,
  ) {}
}

/** A call that waits until bytes were written. */
export interface WaitingCall<T> {
  /** `null` for a call without a timeout of its own: the connection's `writeTimeout` bounds each wait for progress. */
  deadline: Deadline<T> | null;
  /** When the call began to wait, in whole milliseconds. */
  since: number;
  /** Whether the call still waits. */
  readonly isAwaited: boolean;
}

/**
 * When the calls that wait run out of time. Only calls whose time is up are looked at: those with a timeout of their own
 * are in a heap; the others share one timeout, so the order in which they began is that of their deadlines.
 */
export class Deadlines<T extends WaitingCall<T>> {
  readonly #writeTimeout: number;
  readonly #own = new WakeQueue<Deadline<T>>();
  /** The calls without a timeout of their own. */
  #patient: T[] = [];
  /** Index of the first in `#patient` that may still wait. */
  #head = 0;
  /** With this many calls in `#patient`, those behind a waiting one that no longer wait are dropped. */
  #sweepAt = MIN_SWEEP_CALLS;

  constructor(writeTimeout: number) {
    this.#writeTimeout = writeTimeout;
  }

  /** Adds a call that begins to wait. Returns when to call {@link late} first. */
  add(call: T, now: number): number {
    call.since = Math.ceil(now);
    const { deadline } = call;
    if (deadline !== null) {
      if (deadline.timeout !== Infinity) this.#own.put(deadline, now + deadline.timeout);
      return deadline.due;
    }
    if (this.#writeTimeout === Infinity) return Infinity;
    if (this.#patient.length >= this.#sweepAt) this.#sweep();
    this.#patient.push(call);
    return now + this.#writeTimeout / SAMPLES_PER_TIMEOUT;
  }

  /** Removes a call that no longer waits. */
  remove(call: T): void {
    if (call.deadline !== null) this.#own.remove(call.deadline);
    else this.#trim();
  }

  /** Removes and returns the calls whose time is up by `now`; `progressAt`: when the kernel was last seen to take bytes. */
  late(now: number, progressAt: number): T[] {
    const late: T[] = [];
    for (let { first } = this.#own; first !== undefined && first.due <= now; { first } = this.#own) {
      this.#own.remove(first);
      late.push(first.call);
    }
    for (let call = this.#first(); call !== undefined; call = this.#first()) {
      if (this.#dueOf(call, progressAt) > now) break;
      this.#head++;
      late.push(call);
    }
    return late;
  }

  /** Returns when to call {@link late} again. */
  next(now: number, progressAt: number): number {
    const own = this.#own.first?.due ?? Infinity;
    const call = this.#first();
    if (call === undefined) return own;
    return Math.min(own, this.#dueOf(call, progressAt), now + this.#writeTimeout / SAMPLES_PER_TIMEOUT);
  }

  #dueOf({ since }: T, progressAt: number): number {
    return Math.max(since, progressAt) + this.#writeTimeout;
  }

  /** The first call in `#patient` that still waits. */
  #first(): T | undefined {
    this.#trim();
    return this.#patient[this.#head];
  }

  /** Drops the calls in front that no longer wait. */
  #trim(): void {
    const patient = this.#patient;
    while (this.#head < patient.length && patient[this.#head]?.isAwaited !== true) this.#head++;
    if (this.#head === patient.length && this.#head > 0) this.#keep([]);
  }

  #sweep(): void {
    this.#keep(this.#patient.slice(this.#head).filter(({ isAwaited }) => isAwaited));
  }

  #keep(patient: T[]): void {
    this.#patient = patient;
    this.#head = 0;
    this.#sweepAt = Math.max(MIN_SWEEP_CALLS, 2 * patient.length);
  }
}
