/**
 * One timer for all the waits of all connections, set lazily: a wait that ends in time costs a comparison, not a timer. It
 * keeps no process alive: the connections do, as `link.ts` says.
 */
import { AsyncResource } from "node:async_hooks";
import { nextTick } from "node:process";
import { cancel, clock, LONGEST_TIMER_MS, type Clock, type Timer } from "./clock.js";
import { letArrive } from "./let-arrive.js";
import { WakeQueue, type Sleeper } from "./wake-queue.js";

/** Where the timer is set: otherwise the AsyncLocalStorage store of the call that set it would be kept alive. */
const scope = new AsyncResource("tcp6.alarm");

/** Wakes sleepers when the time of their clock has come. A sleeper stays with the alarm that it first used. */
export class Alarm {
  readonly clock: Clock;
  readonly #sleepers = new WakeQueue();
  /** When the timer fires. */
  #firesAt = Infinity;
  #timer: Timer | undefined;

  constructor(ofClock: Clock) {
    this.clock = ofClock;
  }

  /** The time, in milliseconds from any start. */
  now(): number {
    return this.clock.now();
  }

  /** When a wait of `bound` milliseconds ends that begins now: a whole number, which needs no memory of its own. */
  deadlineIn(bound: number): number {
    return Math.ceil(this.clock.now() + bound);
  }

  /** Wakes the sleeper at `due` or earlier. */
  wakeBy(sleeper: Sleeper, due: number): void {
    if (due >= sleeper.due) return;
    const at = Math.ceil(due);
    this.#sleepers.put(sleeper, at);
    if (at < this.#firesAt) this.#setTimer(at);
  }

  /** Lets the sleeper sleep, whatever it was to be woken for. */
  letSleep(sleeper: Sleeper): void {
    this.#sleepers.remove(sleeper);
  }

  #setTimer(at: number): void {
    cancel(this.#timer);
    this.#firesAt = at;
    const delay = Math.min(Math.max(Math.ceil(at - this.clock.now()), 1), LONGEST_TIMER_MS);
    this.#timer = scope.runInAsyncScope(() => this.clock.setTimeout(() => this.#timeUp(), delay));
    this.#timer.unref();
  }

  /**
   * What has come by now is let in first. Until that is done other turns may be busy for long, and what comes in them has
   * not been let in: so it counts whose time was up before.
   */
  #timeUp(): void {
    const now = this.clock.now();
    letArrive(this.clock, () => this.#wakeDue(now));
  }

  /** Wakes all that were due at `now`. */
  #wakeDue(now: number): void {
    this.#firesAt = Infinity;
    const sleepers = this.#sleepers;
    const due: Sleeper[] = [];
    for (let { first } = sleepers; first !== undefined && first.due <= now; { first } = sleepers) {
      sleepers.remove(first);
      due.push(first);
    }
    for (const sleeper of due) this.#expire(sleeper, now);
    const { first } = sleepers;
    if (first !== undefined && first.due < this.#firesAt) this.#setTimer(first.due);
  }

  #expire(sleeper: Sleeper, now: number): void {
    try {
      this.wakeBy(sleeper, sleeper.expire(now));
    } catch (error) {
      // A stream of another program's may throw when it is destroyed. That is no reason not to wake the others.
      nextTick(() => {
        throw error;
      });
    }
  }
}

let current = new Alarm(clock);

/** The alarm of the clock that is in use. */
export function currentAlarm(): Alarm {
  if (current.clock !== clock) current = new Alarm(clock);
  return current;
}
