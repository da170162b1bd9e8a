/**
 * The clock: the only module that reads the time or sets a timer. Everything else asks `clock`, so that another clock can
 * take its place for a while: one that a test moves by hand, or the virtual time of a simulation.
 *
 * `process.nextTick` and microtasks are not here: they put work in order within a turn of the event loop, and take no time.
 */
import process from "node:process";
// Imported rather than global: test frameworks replace the globals, and a fake timer that never fires would block every wait.
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from "node:timers";

/** Kept: a simulation replaces the method for a while, and this clock is that of the machine all the same. */
const { hrtime } = process;

/** In whole seconds. Counted from here, whole milliseconds stay numbers that V8 keeps without a heap object, for 24 days. */
const [start] = hrtime();

/** By `hrtime`, which every process has: to load `node:perf_hooks` would be a third of what the first connection costs. */
function now(): number {
  const time = hrtime();
  return (time[0] - start) * 1_000 + time[1] / 1_000_000;
}

/** A callback that is still to come. Disposing of it cancels it, on the clock that it was set on. */
export interface Timer extends Disposable {
  ref(): unknown;
  /** Lets the process end before the timer fires. */
  unref(): unknown;
}

/**
 * Where time and timers come from. The functions are called without `this`. What was set on a clock fires on it, also after
 * another clock has taken its place.
 */
export interface Clock {
  /** Milliseconds from any start. They never go back. */
  readonly now: () => number;
  /** Calls back after `ms` milliseconds, at most {@link LONGEST_TIMER_MS}. */
  readonly setTimeout: (callback: () => void, ms: number) => Timer;
  /** Calls back in the next turn of the event loop, in the order of the calls. */
  readonly setImmediate: <A extends unknown[]>(callback: (...args: A) => void, ...args: A) => Timer;
  /** The clock of the program that calls, where several programs share the thread; absent: the clock itself. */
  readonly ofCaller?: () => Clock;
}

/** The longest a timer of Node's can run, about 24.8 days; a longer one would fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The time of this machine. */
export const systemClock: Clock = { now, setTimeout, setImmediate };

/** The clock of this thread. */
export let clock = systemClock;

/** Has all waits that begin from now on go by another clock; those that have begun keep theirs. */
export function useClock(other: Clock): void {
  clock = other;
}

/** Cancels a timer, if there is one, on the clock that it was set on. */
export function cancel(timer: Disposable | undefined): void {
  if (timer === undefined) return;
  if (Symbol.dispose in timer) timer[Symbol.dispose]();
  else cancelNodes(timer);
}

/**
 * On Node 20 and 22 `Symbol.dispose` is Node's own, and a vm context lacks it, as that of Jest's jsdom does, or has another, of a
 * polyfill. Timers of this library have what the context calls so, if only `undefined`; Node's have not.
 */
function cancelNodes(timer: NodeJS.Timeout | NodeJS.Immediate): void {
  if ("refresh" in timer) clearTimeout(timer);
  else clearImmediate(timer);
}
