import { clock, systemClock, useClock, type Clock, type Timer } from "../core/timing/clock.js";

/** A clock that stands still until a test moves it. Its turns are those of the event loop, so real sockets are served. */
export class ManualClock implements Clock {
  readonly setImmediate = systemClock.setImmediate;
  #now = 1_000;
  readonly #timers = new Set<ManualTimer>();

  readonly now = (): number => this.#now;

  readonly setTimeout = (callback: () => void, ms: number): Timer => {
    const timer = new ManualTimer(this.#now + ms, callback, this.#timers);
    this.#timers.add(timer);
    return timer;
  };

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  /**
   * Lets `ms` milliseconds pass, timer by timer. What is under way has happened before the first one fires, and all
   * consequences of a timer before the next one does.
   */
  async advance(ms: number): Promise<void> {
    await settled();
    const end = this.#now + ms;
    for (let timer = this.#first(); timer !== undefined && timer.at <= end; timer = this.#first()) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.callback();
      await settled();
    }
    this.#now = end;
  }

  #first(): ManualTimer | undefined {
    return [...this.#timers].sort((a, b) => a.at - b.at)[0];
  }
}

class ManualTimer implements Timer {
  constructor(
    readonly at: number,
    readonly callback: () => void,
    readonly timers: Set<ManualTimer>,
  ) {}

  ref(): void {
    // A timer of this clock keeps no process alive.
  }

  unref(): void {
    // A timer of this clock keeps no process alive.
  }

  [Symbol.dispose](): void {
    this.timers.delete(this);
  }
}

/** Runs `body` on a clock that it moves by hand; what begins to wait in it keeps that clock. */
export async function onManualClock(body: (clock: ManualClock) => Promise<void>): Promise<void> {
  const before = clock;
  const own = new ManualClock();
  useClock(own);
  try {
    await body(own);
  } finally {
    // A body that was given up may settle while another clock is in use.
    if (clock === own) useClock(before);
  }
}

/** Resolves when all that can happen without time has: callbacks of a few turns of the event loop, and their promises. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 4; turns++) await new Promise<void>((resolve) => setImmediate(resolve));
}
