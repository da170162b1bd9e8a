/**
 * One timer for all waits of all connections. A wait that ends in time costs a comparison, not a timer. The timer keeps no
 * process alive: the connections do, see `link.ts`.
 */
import { AsyncResource } from "node:async_hooks";
import { nextTick } from "node:process";
import { cancel, clock, LONGEST_TIMER_MS, type Clock, type Timer } from "./clock.js";
import { letArrive } from "./let-arrive.js";
import { WakeQueue, type Sleeper } from "./wake-queue.js";

/** Where the timer is set: otherwise the AsyncLocalStorage store of the call that set it would be kept alive. */
const scope = new AsyncResource("tcp6.alarm");

/** Calls the `expire()` of sleepers when they are due. A sleeper uses the same alarm throughout its life. */
export class Alarm {
  readonly clock: Clock;
  readonly #sleepers = new WakeQueue();
  /** When the timer fires; `Infinity` while none is set. */
  #firesAt = Infinity;
  #timer: Timer | undefined;

  constructor(ofClock: Clock) {
    this.clock = ofClock;
  }

  /** The time, in milliseconds from any start. */
  now(): number {
    return this.clock.now();
  }

  /** Returns when a wait of `bound` ms ends that begins now: a whole number, which V8 keeps without a heap object. */
  deadlineIn(bound: number): number {
    return Math.ceil(this.clock.now() + bound);
  }

  /** Schedules the sleeper's `expire()` for `due` or earlier. */
  wakeBy(sleeper: Sleeper, due: number): void {
    if (due >= sleeper.due) return;
    const at = Math.ceil(due);
    this.#sleepers.put(sleeper, at);
    if (at < this.#firesAt) this.#setTimer(at);
  }

  /** Cancels what {@link wakeBy} has scheduled. */
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
   * The timer has fired. The sockets are polled before any sleeper expires, which takes two turns. These may be long, and
   * what arrives in them has not been polled: so only sleepers that are due now expire, not those that become due meanwhile.
   */
  #timeUp(): void {
    const now = this.clock.now();
    letArrive(this.clock, () => this.#expireDue(now));
  }

  /** Expires all sleepers that were due at `now`. */
  #expireDue(now: number): void {
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
      // An adopted stream may throw when it is destroyed. The error is uncaught, and the other sleepers expire all the same.
      nextTick(() => {
        throw error;
      });
    }
  }
}

let current = new Alarm(clock);

/** The alarms of all clocks. */
const alarms = new WeakMap<Clock, Alarm>([[clock, current]]);

/** The alarm of the clock that is in use. */
export function currentAlarm(): Alarm {
  const own = clock.ofCaller?.() ?? clock;
  if (current.clock !== own) current = alarmOf(own);
  return current;
}

function alarmOf(own: Clock): Alarm {
  let alarm = alarms.get(own);
  if (alarm === undefined) alarms.set(own, (alarm = new Alarm(own)));
  return alarm;
}
