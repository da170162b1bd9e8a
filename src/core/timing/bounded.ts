import { execute } from "abort-controller-x";
import pTimeout from "p-timeout";
import type { OperationOptions } from "../../options/operation.js";
import { aborted, NetError, reasonOfAbort, timedOut, type Operation, type Subject } from "../../errors.js";
import { cancel, clock, LONGEST_TIMER_MS } from "./clock.js";
import { letArrive } from "./let-arrive.js";
import { watch } from "./signals.js";

/** Begins to wait for something. The function that is returned stops the wait: neither callback is called after that. */
export type Wait<T> = (
  resolve: (value: T | Promise<T>) => void,
  reject: (reason: unknown) => void,
) => () => void;

/**
 * Waits for at most `timeout` milliseconds and until `signal` is aborted. Either the result of `wait` is returned, or the
 * wait is stopped and the error thrown: no result is lost between the two.
 */
export async function waitWithin<T>(
  operation: Operation,
  subject: Subject,
  { timeout = Infinity, signal }: OperationOptions,
  wait: Wait<T>,
): Promise<T> {
  if (signal?.aborted === true) throw aborted(operation, subject, signal);
  if (timeout === 0) throw timedOut(operation, subject, 0);
  let ended: "in time" | "expired" | "aborted" = "in time";
  try {
    if (isUnbounded(timeout, signal)) return await new Promise<T>(wait);
    return await untilStopped(timeout, signal, wait, (how) => (ended = how));
  } catch (error) {
    switch (ended as string) {
      case "expired":
        throw timedOut(operation, subject, timeout);
      case "aborted":
        throw aborted(operation, subject, signal as AbortSignal);
    }
    // It was made in a callback, whose stack does not show the caller; this one does.
    if (error instanceof NetError) Error.captureStackTrace(error);
    throw error;
  }
}

/** Waits; when the wait is stopped it calls `stopped` with the cause, and rejects. */
async function untilStopped<T>(
  timeout: number,
  signal: AbortSignal | undefined,
  wait: Wait<T>,
  stopped: (how: "expired" | "aborted") => void,
): Promise<T> {
  const ownClock = clock;
  const own = new AbortController();
  let expire: (() => void) | undefined;
  const watching = signal && watch(signal, { aborted: () => own.abort() });
  try {
    const result = execute<T>(own.signal, (resolve, reject) => {
      const stop = wait(resolve as Parameters<Wait<T>>[0], reject);
      expire = () => {
        stopped("expired");
        stop();
        reject(undefined);
      };
      return () => {
        stopped("aborted");
        stop();
      };
    });
    const settled = (): void => {
      expire = undefined;
    };
    result.then(settled, settled);
    return await pTimeout(result, {
      milliseconds: timeout > LONGEST_TIMER_MS ? Infinity : timeout,
      // A result that came while the program was busy is in time.
      fallback: () => {
        letArrive(ownClock, () => expire?.());
        return result;
      },
      // Typed as Node's globals, which have more overloads; it calls them with what a clock's take.
      customTimers: { setTimeout: ownClock.setTimeout, clearTimeout: cancel } as never,
    });
  } finally {
    watching?.leave();
  }
}

/**
 * Runs `work` for at most `timeout` milliseconds and until `signal` is aborted, and rejects at once when either happens,
 * whether the work stops or not. The signal that the work is given is aborted then. A value that the work resolves to later
 * goes to `discard`, which closes it. If neither can happen, this is the work alone, and it is given no signal.
 */
export function bounded<T>(
  operation: Operation,
  subject: Subject,
  options: OperationOptions,
  work: (signal: AbortSignal | undefined) => Promise<T>,
  discard?: (late: T) => void,
): Promise<T> {
  const { timeout, signal } = options;
  if (isUnbounded(timeout, signal)) return work(undefined);
  return waitWithin<T>(operation, subject, options, (resolve, reject) => {
    const stop = new AbortController();
    // In a microtask of its own: if the work itself aborts the caller's signal, there is a listener on that by then.
    const working = Promise.resolve(stop.signal).then(work);
    working.then((value) => {
      if (stop.signal.aborted) discard?.(value);
      else resolve(value);
    }, reject);
    return () => stop.abort(signal?.aborted === true ? reasonOfAbort(signal) : undefined);
  });
}

/** Waits until `signal` is aborted, if there is one; then rejects with its reason. */
export function stoppable<T>(signal: AbortSignal | undefined, wait: Wait<T>): Promise<T> {
  if (signal === undefined) return new Promise<T>(wait);
  return execute<T>(signal, (resolve, reject) => wait(resolve as Parameters<Wait<T>>[0], reject));
}

function isUnbounded(timeout = Infinity, signal: AbortSignal | undefined): boolean {
  return timeout === Infinity && signal === undefined;
}
