/** The functions of `node:timers/promises`, by virtual time. */
import { VirtualTimer, type VirtualClock } from "./virtual-clock.js";

interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** Resolves to `value` after `ms` milliseconds; rejects with an `AbortError` if the signal is aborted before. */
export function sleep<T>(
  clock: VirtualClock,
  ms = 1,
  value?: T,
  { signal }: WaitOptions = {},
): Promise<T | undefined> {
  if (signal?.aborted === true) return Promise.reject(abortError(signal));
  return new Promise((resolve, reject) => {
    const timer = new VirtualTimer(
      clock,
      () => {
        signal?.removeEventListener("abort", stop);
        resolve(value);
      },
      ms,
      null,
    );
    const stop = (): void => {
      timer.close();
      reject(abortError(signal));
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Yields `value` every `ms` milliseconds, as often as that has passed. */
export async function* interval<T>(
  clock: VirtualClock,
  ms = 1,
  value?: T,
  options: WaitOptions = {},
): AsyncGenerator<T | undefined, void> {
  for (let due = clock.now() + ms; ; due += ms) {
    const left = due - clock.now();
    yield await (left > 0 ? sleep(clock, left, value, options) : Promise.resolve(value));
  }
}

/** As Node makes them. */
function abortError(signal: AbortSignal | undefined): Error {
  const error = new Error("The operation was aborted", { cause: signal?.reason });
  return Object.assign(error, { name: "AbortError", code: "ABORT_ERR" });
}
