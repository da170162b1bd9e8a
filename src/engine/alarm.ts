import { performance } from "node:perf_hooks";
import { LONGEST_TIMER } from "../bounded.js";

/** Whom an alarm wakes. */
export interface Sleeper {
  /** Ends the waits whose time is up by `now`; answers when to wake it again, or `Infinity`. */
  expire(now: number): number;
}

/**
 * One timer for all the waits of a connection, set lazily: a wait that ends in time costs a comparison, not a timer.
 * The timer keeps no process alive: the socket does, for as long as anything can still happen on it.
 */
export class Alarm {
  #timer: NodeJS.Timeout | undefined;
  /** When the timer that is running goes off. */
  #due = Infinity;
  readonly #sleeper: Sleeper;

  constructor(sleeper: Sleeper) {
    this.#sleeper = sleeper;
  }

  /** Sees to it that the sleeper is woken at `deadline`, if not earlier. */
  set(deadline: number): void {
    if (deadline >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = deadline;
    const delay = Math.min(Math.max(Math.ceil(deadline - performance.now()), 1), LONGEST_TIMER);
    this.#timer = setTimeout(goOff, delay, this);
    this.#timer.unref();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = Infinity;
  }

  goOff(): void {
    this.#timer = undefined;
    this.#due = Infinity;
    const next = this.#sleeper.expire(performance.now());
    if (next !== Infinity) this.set(next);
  }
}

function goOff(alarm: Alarm): void {
  alarm.goOff();
}
