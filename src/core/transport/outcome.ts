/**
 * The outcome of a call that sends bytes or the end. Every layer answers with it, from the connection to the socket's handle.
 *
 * - `"taken"`: the kernel, or the stream, has taken everything; no callback is called
 * - `"pending"`: the callback is called once: when everything was taken, or with the error if that fails. It is never called
 *   if the stream is destroyed or handed over before
 * - `"failed"`: nothing was taken; no callback is called, and {@link causeOfFailure} says why
 */
export type Outcome = "taken" | "pending" | "failed";

/** The callback of a `"pending"` outcome: called without an error once everything was taken. */
export type Taken = (error?: Error | null) => void;

let failure: unknown;

/** Records `cause` for {@link causeOfFailure}, and returns the outcome `"failed"`. */
export function failed(cause: unknown): "failed" {
  failure = cause;
  return "failed";
}

/**
 * The cause of the last `"failed"` outcome. The caller takes it once, before anything else is sent. As with `errno`, one
 * variable serves all: a failure is rare, and neither outcomes nor connections need a field for it.
 */
export function causeOfFailure(): unknown {
  const cause = failure;
  failure = undefined;
  return cause;
}
