/**
 * One listener on each signal, however many calls the signal may cancel. An `EventTarget` searches all its listeners at each
 * add and remove, so a signal that thousands of calls share would cost each of them more than the call itself; and Node 20
 * warns of a leak at eleven listeners.
 */

/** A call that a signal may cancel. */
export interface Cancellable {
  /**
   * The signal was aborted. Called once, and not after {@link unwatch}; on all calls of a signal in the order in which they
   * were watched. What it throws is thrown to the signal, when all calls were told.
   */
  aborted(signal: AbortSignal): void;
}

const watchers = new WeakMap<AbortSignal, Watchers>();

/**
 * Has `call.aborted()` called when the signal is aborted, which it must not be yet.
 *
 * @throws what the signal's `addEventListener` throws; nothing is watched then
 */
export function watch(signal: AbortSignal, call: Cancellable): void {
  let all = watchers.get(signal);
  if (all === undefined) watchers.set(signal, (all = new Watchers(signal)));
  all.add(call);
}

/** Takes back {@link watch}. */
export function unwatch(signal: AbortSignal, call: Cancellable): void {
  watchers.get(signal)?.remove(call);
}

class Watchers {
  readonly #signal: AbortSignal;
  /** The first of the calls. Most signals have one at a time, which needs no set. */
  #only: Cancellable | null = null;
  #others: Set<Cancellable> | null = null;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(call: Cancellable): void {
    if (this.#only !== null || this.#others !== null) {
      // Not in the place of one that has left: the calls are told in their order.
      (this.#others ??= new Set()).add(call);
      return;
    }
    this.#signal.addEventListener("abort", this.#onAbort);
    this.#only = call;
  }

  remove(call: Cancellable): void {
    if (this.#only === call) this.#only = null;
    else if (this.#others?.delete(call) !== true) return;
    if (this.#others?.size === 0) this.#others = null;
    if (this.#only === null && this.#others === null) this.#stopListening();
  }

  readonly #onAbort = (): void => {
    this.#stopListening();
    const others = this.#others;
    const failures: unknown[] = [];
    if (this.#only !== null) this.#tell(this.#only, failures);
    // Each call may unwatch others: the iterator leaves those out.
    for (const call of others ?? []) this.#tell(call, failures);
    if (failures.length > 0) throw failures[0];
  };

  /** A call that throws keeps no other from being told. */
  #tell(call: Cancellable, failures: unknown[]): void {
    this.remove(call);
    try {
      call.aborted(this.#signal);
    } catch (error) {
      failures.push(error);
    }
  }

  #stopListening(): void {
    try {
      this.#signal.removeEventListener("abort", this.#onAbort);
    } catch {
      // The signal is not one of Node's. Its listener stays and finds no calls; the call that has ended keeps its result.
    }
  }
}
