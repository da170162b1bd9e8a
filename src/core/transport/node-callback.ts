import { failed, type Outcome, type Taken } from "./outcome.js";

/** A callback that no call is using; see {@link NodeCallback.reused}. */
let unused: NodeCallback | null = null;

/**
 * Turns the callback of a function of Node's into an {@link Outcome}. Node calls it before that function returns, or later;
 * some streams call it twice, and some never.
 *
 *     const callback = new NodeCallback(taken);
 *     stream.write(chunk, callback.call);
 *     return callback.outcome();
 */
export class NodeCallback {
  #state: "calling" | "taken" | "failed" | "pending" | "over" = "calling";
  #taken: Taken | null;
  #error: Error | null = null;
  readonly #isReusable: boolean;

  /** `taken` is called if the outcome is `"pending"`. */
  constructor(taken: Taken, isReusable = false) {
    this.#taken = taken;
    this.#isReusable = isReusable;
  }

  /** For functions that always call back exactly once. As long as each call ends at once, one object serves them all. */
  static reused(taken: Taken): NodeCallback {
    const callback = unused ?? new NodeCallback(taken, true);
    unused = null;
    callback.#state = "calling";
    callback.#taken = taken;
    return callback;
  }

  /** The callback to pass to Node's function. */
  readonly call: Taken = (error) => {
    if (this.#state === "calling") {
      this.#state = error ? "failed" : "taken";
      this.#error = error ?? null;
    } else if (this.#state === "pending") {
      this.#state = "over";
      this.#taken?.(error);
    }
  };

  /** The outcome of Node's function. Call it once, after that function has returned. */
  outcome(): Outcome {
    const state = this.#state;
    if (state === "calling") {
      this.#state = "pending";
      return "pending";
    }
    const error = this.#error;
    this.#state = "over";
    this.#taken = this.#error = null;
    if (this.#isReusable) keep(this);
    return state === "failed" ? failed(error) : "taken";
  }
}

function keep(callback: NodeCallback): void {
  unused = callback;
}
