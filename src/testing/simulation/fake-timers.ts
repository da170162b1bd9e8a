/** The package that virtual time is made with. It is loaded by a simulation only. */
import { createRequire } from "node:module";

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

/** An ES module of a bundler's can only import; in Jest's CommonJS, and in the vm contexts of Vitest, code can only require. */
async function load(): Promise<unknown> {
  let cause: unknown;
  try {
    // Within `try`: a bundler that does not find the package leaves the call to fail when it is made.
    return await import("@sinonjs/fake-timers");
  } catch (error) {
    cause = error;
  }
  try {
    return createRequire(import.meta.url)("@sinonjs/fake-timers");
  } catch (error) {
    if (!isOfModules(cause)) cause = error;
  }
  if (!isNotInstalled(cause)) throw cause;
  const message =
    'simulate() needs the package "@sinonjs/fake-timers", release 15: npm install --save-dev @sinonjs/fake-timers@15';
  throw Object.assign(new Error(message, { cause }), { code: "ERR_MODULE_NOT_FOUND" });
}

/** Whether a module was not found, which says more than that a way to load it is closed. */
function isOfModules(error: unknown): boolean {
  return /^(?:ERR_)?MODULE_NOT_FOUND$/.test(codeOf(error));
}

/** Whether it is this package that is missing, and not one that it needs. */
function isNotInstalled(error: unknown): boolean {
  return isOfModules(error) && String(error).includes("'@sinonjs/fake-timers'");
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown } | null)?.code);
}
