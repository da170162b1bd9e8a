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

async function load(): Promise<unknown> {
  try {
    // Within `try`: a bundler that does not find the package leaves the call to fail when it is made.
    return (await imported()) ?? createRequire(import.meta.url)("@sinonjs/fake-timers");
  } catch (cause) {
    if (!isNotInstalled(cause)) throw cause;
    const message =
      'simulate() needs the package "@sinonjs/fake-timers", release 15: npm install --save-dev @sinonjs/fake-timers@15';
    throw Object.assign(new Error(message, { cause }), { code: "ERR_MODULE_NOT_FOUND" });
  }
}

/** `undefined` where code can only require, as in Jest's CommonJS. An ES module of a bundler's can only import. */
async function imported(): Promise<unknown> {
  try {
    return await import("@sinonjs/fake-timers");
  } catch (error) {
    if (/^ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING/.test(codeOf(error))) return undefined;
    throw error;
  }
}

/** Whether it is this package that is missing, and not one that it needs. */
function isNotInstalled(error: unknown): boolean {
  return (
    /^(?:ERR_)?MODULE_NOT_FOUND$/.test(codeOf(error)) && String(error).includes("'@sinonjs/fake-timers'")
  );
}

function codeOf(error: unknown): string {
  return String((error as { readonly code?: unknown } | null)?.code);
}
