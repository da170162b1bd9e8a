/**
 * One listener on each signal, however many calls the signal may cancel. An `EventTarget` searches all its listeners at each
 * add and remove, so a signal that thousands of calls share would cost each of them more than the call itself; and Node 20
 * warns of a leak at eleven listeners.
 */
import { Members, type Member } from "../members.js";

/** A call that a signal may cancel. */
export interface Cancellable {
  /**
   * The signal was aborted. Called once, and not after {@link Member.leave}; on all calls of a signal in the order in which they
   * were watched. What it throws is thrown to the signal, when all calls were told.
   */
  aborted(signal: AbortSignal): void;
}

const watched = new WeakMap<AbortSignal, Watches>();

/**
 * Has `call.aborted()` called when the signal is aborted, which it must not be yet. The call leaves when it ends.
 *
 * @throws what the signal's `addEventListener` throws; nothing is watched then
 */
export function watch(signal: AbortSignal, call: Cancellable): Watch {
  let all = watched.get(signal);
  if (all === undefined) watched.set(signal, (all = new Watches(signal)));
  return all.add(call);
}

/** The place of a call among those that its signal may cancel. The last one that leaves takes the listener with it. */
export type Watch = Member<Cancellable>;

/** The calls that a signal may cancel, in the order in which they were watched. */
class Watches extends Members<Cancellable> {
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    super();
    this.#signal = signal;
  }

  override add(call: Cancellable): Watch {
    if (this.first === null) this.#signal.addEventListener("abort", this.#onAbort);
    return super.add(call);
  }

  override remove(watch: Watch): void {
    super.remove(watch);
    if (this.first === null) this.#stopListening();
  }

  readonly #onAbort = (): void => {
    // Calls that begin meanwhile are none of those that are told.
    watched.delete(this.#signal);
    const failures: unknown[] = [];
    for (let { first } = this; first !== null; { first } = this) {
      first.leave();
      // A call that throws keeps no other from being told.
      try {
        first.value.aborted(this.#signal);
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
