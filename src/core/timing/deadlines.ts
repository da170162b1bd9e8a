import { WakeQueue, type Timed } from "./wake-queue.js";

/** The progress of a long write is looked at this often per `writeTimeout`. */
const SAMPLES = 4;

/** So many calls at least are kept before any are looked for that wait no longer. */
const SWEEP = 1_024;

/** A call with a timeout of its own, in the heap of those. */
export class Deadline<T> implements Timed {
  due = Infinity;
  place = -1;

  constructor(
    readonly call: T,
    readonly timeout: number,
  ) {}
}

/** A call that waits for what was written. */
export interface Bounded<T> {
  /** Its own timeout, `null` where the connection's bounds each wait for progress. */
  deadline: Deadline<T> | null;
  /** When it began to wait, in whole milliseconds. */
  since: number;
  /** Whether it waits still. */
  readonly isAwaited: boolean;
}

/**
 * When the calls that wait run out of time. None but those whose time is up is looked at: calls with a timeout of their
 * own are in a heap; for the others there is one timeout, so they are in the order in which they began.
 */
export class Deadlines<T extends Bounded<T>> {
  readonly #writeTimeout: number;
  readonly #own = new WakeQueue<Deadline<T>>();
  #patient: T[] = [];
  /** The first of the patient ones that may still wait. */
  #head = 0;
  /** When there are so many, those are forgotten that wait no longer, behind one that does. */
  #sweepAt = SWEEP;

  constructor(writeTimeout: number) {
    this.#writeTimeout = writeTimeout;
  }

  /** Takes in a call that begins to wait; answers when to look first. */
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
    return now + this.#writeTimeout / SAMPLES;
  }

  /** Lets go of a call that waits no longer. */
  remove(call: T): void {
    if (call.deadline !== null) this.#own.remove(call.deadline);
    else this.#trim();
  }

  /** Takes out the calls whose time is up by `now`, where bytes were last seen to be taken at `progressAt`. */
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

  /** When to look again. */
  next(now: number, progressAt: number): number {
    const own = this.#own.first?.due ?? Infinity;
    const call = this.#first();
    if (call === undefined) return own;
    return Math.min(own, this.#dueOf(call, progressAt), now + this.#writeTimeout / SAMPLES);
  }

  #dueOf({ since }: T, progressAt: number): number {
    return Math.max(since, progressAt) + this.#writeTimeout;
  }

  /** The first patient call that still waits. */
  #first(): T | undefined {
    this.#trim();
    return this.#patient[this.#head];
  }

  /** Forgets those in front that wait no longer. */
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
    this.#sweepAt = Math.max(SWEEP, 2 * patient.length);
  }
}
