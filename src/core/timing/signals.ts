/**
 * One listener on each signal, however many calls the signal may cancel. An `EventTarget` searches all its listeners at each
 * add and remove, so a signal that thousands of calls share would cost each of them more than the call itself; and Node 20
 * warns of a leak at eleven listeners.
 */

/** A call that a signal may cancel. */
export interface Cancellable {
  /**
   * The signal was aborted. Called once, and not after {@link Watch.end}; on all calls of a signal in the order in which they
   * were watched. What it throws is thrown to the signal, when all calls were told.
   */
  aborted(signal: AbortSignal): void;
}

const watched = new WeakMap<AbortSignal, Watches>();

/**
 * Has `call.aborted()` called when the signal is aborted, which it must not be yet. The call ends the watch when it ends.
 *
 * @throws what the signal's `addEventListener` throws; nothing is watched then
 */
export function watch(signal: AbortSignal, call: Cancellable): Watch {
  let all = watched.get(signal);
  if (all === undefined) watched.set(signal, (all = new Watches(signal)));
  return all.add(call);
}

/** The place of a call among those that its signal may cancel. */
export class Watch {
  next: Watch | null = null;
  previous: Watch | null = null;
  /** `null` once it is over. */
  #all: Watches | null;

  constructor(
    all: Watches,
    readonly call: Cancellable,
  ) {
    this.#all = all;
  }

  /** The call is not told of an abort any more. The last call of a signal takes the listener with it. */
  end(): void {
    this.#all?.remove(this);
    this.#all = null;
  }
}

/** The watches of a signal, in their order. They are linked: each can leave in constant time, and a set costs five times as much. */
class Watches {
  readonly #signal: AbortSignal;
  #first: Watch | null = null;
  #last: Watch | null = null;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(call: Cancellable): Watch {
    if (this.#first === null) this.#signal.addEventListener("abort", this.#onAbort);
    const added = new Watch(this, call);
    added.previous = this.#last;
    if (this.#last === null) this.#first = added;
    else this.#last.next = added;
    this.#last = added;
    return added;
  }

  remove(watch: Watch): void {
    const { previous, next } = watch;
    // One that is in V8's old space would keep all that came later alive until the next full collection.
    watch.previous = watch.next = null;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    if (this.#first === null) this.#stopListening();
  }

  readonly #onAbort = (): void => {
    // Calls that begin meanwhile are none of those that are told.
    watched.delete(this.#signal);
    const failures: unknown[] = [];
    for (let first = this.#first; first !== null; first = this.#first) {
      first.end();
      // A call that throws keeps no other from being told.
      try {
        first.call.aborted(this.#signal);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };

  #stopListening(): void {
    try {
      this.#signal.removeEventListener("abort", this.#onAbort);
    } catch {
      // The signal is not one of Node's. Its listener stays and finds no calls; the call that has ended keeps its result.
    }
  }
}
