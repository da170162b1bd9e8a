/** The package that virtual time is made with. It is loaded by a simulation only. */

/** What is used of a clock of `@sinonjs/fake-timers`. */
export interface FakeClock {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly Date: DateConstructor;
  setTimeout(callback: () => void, ms: number): FakeTimer;
  clearTimeout(timer: FakeTimer): void;
  countTimers(): number;
  /** Moves the time to the first timer, and fires it. */
  next(): number;
}

export type FakeTimer = object;

interface FakeTimers {
  createClock(now: number, loopLimit?: number): FakeClock;
}

/** Resolves to a clock that stands still at `now`. */
export async function fakeClock(now: number): Promise<FakeClock> {
  const loaded = (await load()) as FakeTimers & { readonly default?: FakeTimers };
  return (loaded.default ?? loaded).createClock(now);
}

async function load(): Promise<unknown> {
  try {
    return await import("@sinonjs/fake-timers");
  } catch (cause) {
    const message =
      'simulate() needs the package "@sinonjs/fake-timers", release 15: npm install --save-dev @sinonjs/fake-timers';
    throw Object.assign(new Error(message, { cause }), { code: "ERR_MODULE_NOT_FOUND" });
  }
}
