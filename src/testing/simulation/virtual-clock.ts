import { AsyncResource } from "node:async_hooks";
// Imported rather than global: a turn of the event loop is real, also in a simulation.
import { setImmediate } from "node:timers";
import { cancel, LONGEST_TIMER_MS, systemClock, type Clock, type Timer } from "../../core/timing/clock.js";
import type { FakeClock, FakeTimer } from "./fake-timers.js";
import { runningProgram } from "./running.js";

/** Kept, see above: the simulation replaces what `node:timers` exports. */
const nextTurn = setImmediate;

/** When simulations begin: the same for all, so that what a program makes of the date is the same each time. */
export const START = Date.UTC(2026, 0, 1);

/** Time that stands still until a simulation moves it from one timer to the next. */
export class VirtualClock implements Clock {
  readonly fake: FakeClock;
  #turns = 0;
  #isInTurn = false;
  #isOver = false;

  constructor(fake: FakeClock) {
    this.fake = fake;
  }

  /** Milliseconds since the start of the simulation. */
  readonly now = (): number => this.fake.now - START;

  readonly setTimeout = (callback: () => void, ms: number): VirtualTimer =>
    new VirtualTimer(this, callback, ms, null);

  readonly setImmediate = <A extends unknown[]>(callback: (...args: A) => void, ...args: A): Timer => {
    this.#turns++;
    const turn = nextTurn(() => {
      done();
      this.#isInTurn = true;
      try {
        callback(...args);
      } finally {
        this.#isInTurn = false;
      }
    });
    let isDone = false;
    const done = (): void => {
      if (!isDone) this.#turns--;
      isDone = true;
    };
    const dispose = (): void => {
      done();
      cancel(turn);
    };
    return { ref: () => turn.ref(), unref: () => turn.unref(), [Symbol.dispose]: dispose };
  };

  /** Whether a callback of {@link setImmediate} is running. */
  get isInTurn(): boolean {
    return this.#isInTurn;
  }

  /** How many callbacks of {@link setImmediate} are still to come. */
  get turns(): number {
    return this.#turns;
  }

  /** Whether the simulation is over: no timer fires any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.fake.countTimers();
  }

  /** Calls back after `ms` virtual milliseconds, 1 at least; on no host. */
  schedule(callback: () => void, ms: number): FakeTimer {
    return this.fake.setTimeout(
      () => {
        if (!this.#isOver) callback();
      },
      Math.min(Math.max(1, Math.ceil(ms)), LONGEST_TIMER_MS),
    );
  }

  /** Cancels what {@link schedule} has set. */
  cancel(timer: FakeTimer | undefined): void {
    if (timer !== undefined) this.fake.clearTimeout(timer);
  }

  /** Fires no timer any more. */
  stop(): void {
    this.#isOver = true;
  }
}

/** Node's own timers have lower numbers. */
const FIRST_ID = 1e12;

let timersMade = 0;

/** A timer as the program holds it. Its callback runs on the host, and in the async context, that it was set in. */
export class VirtualTimer implements Timer {
  /** What it is as a number. */
  readonly id = ++timersMade + FIRST_ID;
  readonly #clock: VirtualClock;
  readonly #callback: () => void;
  readonly #ms: number;
  /** Ms between two calls; `null` for a timer that fires once. */
  readonly #interval: number | null;
  readonly #scope = new AsyncResource("tcp6.timer");
  readonly #process = runningProgram();
  #timer: FakeTimer | undefined;
  /** Set when the simulation is over. */
  #real: Timer | undefined;
  #isClosed = false;
  #isReferred = true;

  constructor(clock: VirtualClock, callback: () => void, ms: number, interval: number | null) {
    this.#clock = clock;
    this.#callback = callback;
    this.#ms = ms;
    this.#interval = interval;
    this.#set(ms);
  }

  ref(): this {
    this.#isReferred = true;
    this.#real?.ref();
    return this;
  }

  unref(): this {
    this.#isReferred = false;
    this.#real?.unref();
    return this;
  }

  hasRef(): boolean {
    return this.#isReferred;
  }

  /** Begins to wait anew, also if it has fired, but not once it is closed. */
  refresh(): this {
    if (this.#isClosed) return this;
    this.#cancel();
    this.#set(this.#ms);
    return this;
  }

  close(): this {
    this.#isClosed = true;
    this.#cancel();
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #cancel(): void {
    this.#clock.cancel(this.#timer);
    this.#timer = undefined;
    cancel(this.#real);
    this.#real = undefined;
  }

  #set(ms: number): void {
    if (this.#clock.isOver) this.#setReal(ms);
    else this.#timer = this.#clock.schedule(() => this.#due(), ms);
  }

  /** A module may keep a timer for good, as that of `fetch` does, and begin to wait anew when the simulation is over. */
  #setReal(ms: number): void {
    this.#real = systemClock.setTimeout(() => this.#fire(), ms);
    if (!this.#isReferred) this.#real.unref();
  }

  #due(): void {
    const process = this.#process;
    if (process === undefined) this.#fire();
    else if (!process.isGone) {
      const stalled = process.stalledUntil - this.#clock.now();
      if (stalled > 0) this.#set(stalled);
      else this.#fire();
    }
  }

  #fire(): void {
    this.#timer = this.#real = undefined;
    if (this.#interval !== null) this.#set(this.#interval);
    this.#scope.runInAsyncScope(this.#callback);
  }
}
