import { FAILURE_UNITS, postpone, spend } from "../timing/budget.js";
import { failAtCaller, markHandled } from "../timing/fail-at-caller.js";

type Settle = (value: void | Promise<void>) => void;

/** What {@link captureSettle} was given. */
let captured: Settle;

/** One executor for all promises: a closure for each would be as large as the promise. */
function captureSettle(settle: Settle): void {
  captured = settle;
}

/**
 * The promise of a write that the kernel did not take at once. Nobody has to await it, but a failure that nobody hears of
 * must show elsewhere: so it knows whether anybody listens.
 */
export class WritePromise extends Promise<void> {
  /** What `then` makes of it is a promise like any other. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** Whether somebody awaits it, or did. */
  observed = false;
  /** Whether its outcome is open. */
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

  /** One that has failed already. It says so in the next turn if a loop of such calls would starve the event loop. */
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

  /** Fails it with an error that shows who awaits it. */
  fail(make: () => unknown): void {
    this.isPending = false;
    const settle = this.#takeSettle();
    if (settle !== null) failAtCaller(settle, () => (this.reason = make()), this);
  }

  /** Fails one that is not awaited with what others fail with, too: `rejection`, which is for this `reason`. */
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
 * Fails many calls at once. Those that are awaited each get an error of their own, with their caller's stack. Making one
 * takes some 20 µs, so all the others of one `kind` have the same: that is what an await finds that comes later.
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
