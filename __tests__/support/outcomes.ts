import { NetError, NetTimeoutError } from "../../src/index.js";

/** What a promise rejects with; a promise that resolves fails the test. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`resolved to ${String(value)}`);
    },
    (error: unknown) => error,
  );
}

/** The error that a promise rejects with, which may have a code. */
export async function errorOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  const error = await failure(promise);
  if (!(error instanceof Error)) throw new TypeError("rejected with what is no Error");
  return error;
}

/** The `NetError` that a promise rejects with. */
export async function netError(promise: Promise<unknown>): Promise<NetError> {
  const error = await failure(promise);
  if (!(error instanceof NetError)) throw error;
  return error;
}

/** The `NetTimeoutError` that a promise rejects with. */
export async function timeoutError(promise: Promise<unknown>): Promise<NetTimeoutError> {
  const error = await failure(promise);
  if (!(error instanceof NetTimeoutError)) throw error;
  return error;
}

/** One turn of the event loop: what is ready has happened by then. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** `count` microtasks. */
export async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

/** Whether a promise has neither resolved nor rejected some turns from now. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => (settled = true);
  promise.then(note, note);
  for (let i = 0; i < 5; i++) await turn();
  return !settled;
}

/** Waits until `condition` holds, for at most `bound` ms. */
export async function until(condition: () => boolean, bound = 45_000): Promise<void> {
  const deadline = performance.now() + bound;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
