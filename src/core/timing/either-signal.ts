import { reasonOfAbort } from "../../errors.js";
import { watch, type Cancellable, type Watch } from "./signals.js";

/**
 * Does `work` with a signal that is aborted when `first` or `second` is, with the reason of that one. Nothing is left on
 * either when the work has settled. Unlike `AbortSignal.any()`, it takes signals that are not Node's own.
 */
export function withEitherSignal<T>(
  first: AbortSignal | undefined,
  second: AbortSignal | undefined,
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (second === undefined || first === second) return work(first);
  return first === undefined ? work(second) : withBoth(first, second, work);
}

async function withBoth<T>(
  first: AbortSignal,
  second: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const aborted = [first, second].find((signal) => signal.aborted);
  if (aborted !== undefined) return await work(aborted);
  const either = new AbortController();
  const call: Cancellable = { aborted: (signal) => either.abort(reasonOfAbort(signal)) };
  const watches: Watch[] = [];
  try {
    for (const signal of [first, second]) watches.push(watch(signal, call));
    return await work(either.signal);
  } finally {
    for (const each of watches) each.leave();
  }
}
