import { performance } from "node:perf_hooks";
import { clearTimeout, setTimeout } from "node:timers";

const LONGEST_TIMER_MS = 2 ** 31 - 1;
const DAY_MS = 24 * 60 * 60 * 1_000;

/** Milliseconds since some moment in the past. */
export function now(): number {
  return performance.now();
}

/** How many whole days are left until a date in text; negative if it has passed. */
export function daysUntil(date: string): number {
  return Math.floor((Date.parse(date) - Date.now()) / DAY_MS);
}

/** `"2027-01-31"`, or the text as it is if it is no date. */
export function dayOf(date: string): string {
  const time = Date.parse(date);
  return Number.isNaN(time) ? date : new Date(time).toISOString().slice(0, 10);
}

/** Calls back when it was not touched for `ms`. It keeps the process alive until it is stopped. */
export class IdleTimer {
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, isIdle: () => void) {
    this.#timer = ms > LONGEST_TIMER_MS ? undefined : setTimeout(isIdle, ms);
  }

  touch(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
