import type { Operation } from "../errors.js";
import { markHandled } from "./timing/fail-at-caller.js";

/** How a connection has ended. */
export type End = "closed" | "reset" | "failed" | "detached";

/** A failure that was not of our making. */
export interface Failure {
  readonly operation: Operation;
  readonly cause: unknown;
}

/** How a connection has ended, and why. */
export interface Outcome {
  readonly end: End;
  /** What `closed` rejects with. A connection that has failed to write can still be detached. */
  readonly failure: Failure | null;
}

/**
 * Where a connection stands. Its two halves know what can still be read and written.
 *
 * | from      | event                                                            | to                        |
 * | --------- | ---------------------------------------------------------------- | ------------------------- |
 * | open      | `close()`                                                        | closing                   |
 * | closing   | the FIN is sent                                                  | lingering                 |
 * | open      | the FIN is sent after `closeRead()`, or the other way round      | lingering                 |
 * | *         | the FIN is sent and the peer has ended its side, or is abandoned | destroyed: closed         |
 * | *         | a write has failed, and the input has ended                      | destroyed: failed         |
 * | *         | the transport has failed                                         | destroyed: failed         |
 * | *         | `reset()`; nothing can be sent in time by `close()`              | destroyed: reset          |
 * | open      | nothing can be sent in time after both sides were ended here     | destroyed: failed         |
 * | lingering | the time is up                                                   | destroyed: closed         |
 * | open      | `detach()`                                                       | over: detached            |
 * | any       | the transport has closed                                         | over, as it was destroyed |
 *
 * `*` stands for open, closing and lingering.
 */
export type Life =
  /** In use. One side may have ended, or both may be about to. */
  | { readonly kind: "open" }
  /** `close()` was called: what was written is being sent, and our FIN after it. */
  | { readonly kind: "closing" }
  /** Both sides were ended here, and our FIN is sent. What the peer sends is discarded until its end, or until this time. */
  | { readonly kind: "lingering"; readonly until: number }
  /** The transport was told to close or reset, and has not reported yet that it is closed. */
  | { readonly kind: "destroyed"; readonly outcome: Outcome }
  /** The transport is closed, or the program has it. */
  | { readonly kind: "over"; readonly outcome: Outcome };

export const OPEN: Life = { kind: "open" };
export const CLOSING: Life = { kind: "closing" };

/** Whether it is decided how the connection ends, or has ended. */
export function isDecided(life: Life): life is Extract<Life, { readonly outcome: Outcome }> {
  return life.kind === "destroyed" || life.kind === "over";
}

/** What all calls to close one connection have in common. */
export interface Closing {
  /**
   * Settles when the connection is over; rejects if bytes were lost that no other call has reported. `null` until the first
   * call has returned: a stream that it writes to may run the program, which may call again.
   */
  whole: Promise<void> | null;
  /** Whether a call ran out of time when all bytes were sent, so that none waits until our FIN is acknowledged. */
  isCutShort: boolean;
}

/** How a call to close settles, also a call that is made while the first one runs. */
export function wholeOf(closing: Closing): Promise<void> {
  if (closing.whole !== null) return closing.whole;
  const whole = Promise.resolve().then(() => wholeOf(closing));
  markHandled(whole);
  return whole;
}

/** The outcomes without a failure. */
export const OUTCOMES = {
  closed: { end: "closed", failure: null },
  reset: { end: "reset", failure: null },
  detached: { end: "detached", failure: null },
} as const satisfies Record<string, Outcome>;

export function failedWith(operation: Operation, cause: unknown): Outcome {
  return { end: "failed", failure: { operation, cause } };
}

/** Resolves when the connection is over, with its failure. */
export class Ending {
  readonly promise: Promise<Failure | null>;
  resolve!: (failure: Failure | null) => void;

  constructor() {
    this.promise = new Promise((resolve) => (this.resolve = resolve));
  }
}
