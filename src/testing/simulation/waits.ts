/** The functions of `node:timers/promises`, by virtual time. */
import { LONGEST_TIMER_MS } from "../../core/timing/clock.js";
import { checkBoolean, checkSignal, wrongType } from "../../options/checks.js";
import { VirtualTimer, type VirtualClock } from "./virtual-clock.js";

/** As Node's: what is no delay is the shortest one. */
export function delayOf(ms: unknown): number {
  const delay = Number(ms);
  return delay >= 1 && delay <= LONGEST_TIMER_MS ? Math.trunc(delay) : 1;
}

interface WaitOptions {
  readonly signal?: AbortSignal;
  readonly ref?: boolean;
}

/** Resolves to `value` after `ms` milliseconds; rejects with an `AbortError` if the signal is aborted before. */
export function sleep<T>(clock: VirtualClock, ms: unknown, value: T, options: unknown = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const signal = checkedSignal(ms, options);
    if (signal?.aborted === true) throw abortError(signal);
    const timer = new VirtualTimer(
      clock,
      () => {
        signal?.removeEventListener("abort", stop);
        resolve(value);
      },
      delayOf(ms),
      null,
    );
    const stop = (): void => {
      timer.close();
      reject(abortError(signal));
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Yields `value` every `ms` milliseconds: as often as that has passed, also while the consumer was busy. */
export async function* interval<T>(
  clock: VirtualClock,
  ms: unknown,
  value: T,
  options: unknown = {},
): AsyncGenerator<T, void> {
  const signal = checkedSignal(ms, options);
  const delay = delayOf(ms);
  let outstanding = 0;
  let wake = (): void => undefined;
  const fire = (): void => {
    outstanding++;
    wake();
  };
  const timer = new VirtualTimer(clock, fire, delay, delay);
  const stop = (): void => {
    timer.close();
    wake();
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    while (signal?.aborted !== true) {
      if (outstanding === 0) await new Promise<void>((resolve) => (wake = resolve));
      for (; outstanding > 0; outstanding--) yield value;
    }
    throw abortError(signal);
  } finally {
    timer.close();
    signal?.removeEventListener("abort", stop);
  }
}

/** Throws what Node rejects with for wrong arguments. */
function checkedSignal(ms: unknown, options: unknown): AbortSignal | undefined {
  if (ms !== undefined && typeof ms !== "number") throw wrongType("delay", "a number", ms);
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw wrongType("options", "an object", options);
  const { signal, ref } = options as WaitOptions;
  if (signal !== undefined) checkSignal("options.signal", signal);
  if (ref !== undefined) checkBoolean("options.ref", ref);
  return signal;
}

/** As Node makes them. */
function abortError(signal: AbortSignal | undefined): Error {
  const error = new Error("The operation was aborted", { cause: signal?.reason });
  return Object.assign(error, { name: "AbortError", code: "ABORT_ERR" });
}
