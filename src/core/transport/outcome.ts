/**
 * What a call comes to that sends something: the one answer on the way from a connection down to the socket's handle.
 *
 * - `"taken"`: the kernel, or the stream, has taken everything; no callback is called
 * - `"pending"`: the callback is called once, when everything was taken, or with the reason why it will not be; never, if
 *   the stream is destroyed before, or handed over
 * - `"failed"`: nothing was taken; no callback is called, and {@link causeOfFailure} says why
 */
export type Outcome = "taken" | "pending" | "failed";

/** What is called when an outcome was `"pending"`: without an error once everything was taken. */
export type Taken = (error?: Error | null) => void;

let failure: unknown;

/** The outcome of a call that has failed for that reason. */
export function failed(cause: unknown): "failed" {
  failure = cause;
  return "failed";
}

/**
 * Why the last call has answered `"failed"`: to be asked once, before anything else is sent. As with `errno`, there is one
 * place for it, so that neither an answer nor a connection has to have room for what hardly ever happens.
 */
export function causeOfFailure(): unknown {
  const cause = failure;
  failure = undefined;
  return cause;
}
