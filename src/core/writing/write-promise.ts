import { FAILURE_UNITS, postpone, rejectedInTime, spend } from "../timing/budget.js";
import { failAtCaller, markHandled } from "../timing/fail-at-caller.js";

type Settle = (value: void | Promise<void>) => void;

/** The resolving function that {@link captureSettle} was given last. */
let captured: Settle;

/** One executor for all promises: a closure for each would be as large as the promise. */
function captureSettle(settle: Settle): void {
  captured = settle;
}

/**
 * The promise of a write that the kernel did not take at once. The program does not have to await it, but a failure that
 * the program does not observe is reported by the next call: so the promise notes whether it is observed.
 */
export class WritePromise extends Promise<void> {
  /** `then` makes an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** Whether `then` was called, as `await` does. */
  observed = false;
  /** Whether it is not settled yet. */
  isPending = false;
  /** Why it failed, if it did. */
  reason: unknown;
  #settle: Settle | null = null;

  static pending(): WritePromise {
    const promise = new WritePromise(captureSettle);
    promise.isPending = true;
    promise.#settle = captured;
    return promise;
  }

  /** A promise that rejects now, or in the event loop's next turn where a loop of such calls would starve it. */
  static failed(reason: unknown): WritePromise {
    const isInTime = spend(FAILURE_UNITS);
    const promise = new WritePromise((_resolve, reject) => {
      if (isInTime) reject(reason);
      else postpone(() => reject(reason));
    });
    promise.reason = reason;
    markHandled(promise);
    return promise;
  }

  /** `await` calls it, too. */
  override then<T = void, F = never>(
    // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- as a Promise<void> has it
    onFulfilled?: ((value: void) => T | PromiseLike<T>) | null,
    onRejected?: ((reason: unknown) => F | PromiseLike<F>) | null,
  ): Promise<T | F> {
    this.observed = true;
    return super.then(onFulfilled, onRejected);
  }

  succeed(): void {
    this.isPending = false;
    this.#takeSettle()?.();
  }

  /** Rejects with the error that `make` returns, whose stack has the functions that await the promise. */
  fail(make: () => unknown): void {
    this.isPending = false;
    const settle = this.#takeSettle();
    if (settle !== null) failAtCaller(settle, () => (this.reason = make()), this);
  }

  /** Rejects a promise that is not awaited with an error that it shares with others. `rejection` is rejected with `reason`. */
  failWith(rejection: Promise<never>, reason: unknown): void {
    this.isPending = false;
    this.reason = reason;
    markHandled(this);
    this.#takeSettle()?.(rejection);
  }

  #takeSettle(): Settle | null {
    const settle = this.#settle;
    this.#settle = null;
    return settle;
  }
}

/** A call that fails together with others. */
interface FailingCall {
  readonly promise: WritePromise | null;
}

/**
 * Fails many calls at once. Each call that is awaited gets an error of its own, with its caller's stack. Making an error
 * takes some 20 µs, so all other calls of one group share one: an `await` that comes later finds that.
 */
export function failAll<T extends FailingCall>(
  calls: readonly T[],
  groupOf: (call: T) => string,
  make: (call: T) => unknown,
): void {
  const alike = new Map<string, { rejection: Promise<never>; reason: unknown }>();
  for (const call of calls) {
    if (call.promise?.observed !== false) {
      call.promise?.fail(() => make(call));
      continue;
    }
    const kind = groupOf(call);
    let shared = alike.get(kind);
    if (shared === undefined) {
      const reason = make(call);
      shared = { rejection: Promise.reject(reason), reason };
      markHandled(shared.rejection);
      alike.set(kind, shared);
    }
    call.promise.failWith(shared.rejection, shared.reason);
  }
}

/** A rejected promise that is no failure of the process if the program does not handle it. */
export function rejectedQuietly(reason: unknown): Promise<never> {
  const promise = rejectedInTime(reason);
  markHandled(promise);
  return promise;
}
