import { wrongValue } from "../options/checks.js";
import { cancel, LONGEST_TIMER_MS, type Clock, type Timer } from "../core/timing/clock.js";

/** The shortest delay between attempts: RFC 8305, section 5, "MUST NOT be less than 10 milliseconds". */
export const MIN_ATTEMPT_DELAY_MS = 10;

/**
 * How many attempts of one race may run beside each other. Without a bound, a name with hundreds of silent addresses would
 * take a descriptor for each.
 */
export const MAX_IN_FLIGHT = 16;

export interface RaceOptions<A, T> {
  /** Ms from one attempt to the next, at least 10. With `Infinity` the next one begins only when the last has failed. */
  readonly attemptDelay: number;
  /** Tries one address. Its signal is aborted when it has lost; that of the winner never is. */
  readonly attempt: (address: A, signal: AbortSignal) => Promise<T>;
  /** Whether a failure ends the race, since no other address can do better. */
  readonly isFatal: (error: unknown) => boolean;
  /** Disposes of what an attempt resolves to after the race is over. */
  readonly discard: (late: T) => void;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

export interface Failure<A> {
  readonly address: A;
  readonly error: unknown;
  /** How many ms the attempt took. */
  readonly duration: number;
}

/**
 * How a race ended: with the first attempt to succeed, or with none. If with none, `lost` has the failures in the order of
 * the addresses, without the attempts that a fatal failure cut off, and `last` is the failure that ended the race.
 */
export type Outcome<A, T> =
  | { readonly won: T; readonly address: A }
  | { readonly lost: readonly Failure<A>[]; readonly last: Failure<A> };

/** Has the families take turns, beginning with that of the first address, each in its own order: RFC 8305, section 4. */
export function interleave<A extends { readonly family: 4 | 6 }>(addresses: readonly A[]): A[] {
  if (addresses.length < 2) return [...addresses];
  const first = addresses.filter(({ family }) => family === addresses[0]?.family);
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family);
  return [
    ...first.flatMap((address, i) => [address, ...second.slice(i, i + 1)]),
    ...second.slice(first.length),
  ];
}

/**
 * Resolves to how the race of the addresses ended: RFC 8305, section 5 ("Happy Eyeballs").
 *
 * The addresses are tried in their order. The next attempt begins `attemptDelay` ms after the one before, or at once when
 * one fails; while {@link MAX_IN_FLIGHT} attempts run, it begins only when one fails. The first to succeed wins, and the
 * others are aborted. When `signal` is aborted all are, and the race rejects with its reason. No timer and no listener is
 * left after that, and late winners go to `discard`.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE`: there is no address
 */
export async function race<A, T>(
  addresses: readonly A[],
  options: RaceOptions<A, T>,
): Promise<Outcome<A, T>> {
  const { attempt, isFatal, discard, clock, signal } = options;
  if (addresses.length === 0) throw wrongValue("addresses", "one address or more", addresses);
  signal?.throwIfAborted();
  const delay = Math.max(options.attemptDelay, MIN_ATTEMPT_DELAY_MS);
  const running = new Set<AbortController>();
  const failures = new Map<number, Failure<A>>();
  let begun = 0;
  let timer: Timer | undefined;
  let over = false;

  return new Promise((resolve, reject) => {
    const stop = (): void => finish(() => reject(signal?.reason as Error));
    signal?.addEventListener("abort", stop);
    next();

    function next(): void {
      cancel(timer);
      if (over || begun === addresses.length) return;
      const index = begun++;
      const isFull = running.size + 1 >= MAX_IN_FLIGHT;
      if (begun < addresses.length && !isFull && delay <= LONGEST_TIMER_MS) {
        timer = clock.setTimeout(next, delay);
      }
      void run(addresses[index] as A, index);
    }

    async function run(address: A, index: number): Promise<void> {
      const own = new AbortController();
      running.add(own);
      const start = clock.now();
      try {
        const value = await attempt(address, own.signal);
        running.delete(own);
        if (over) discard(value);
        else finish(() => resolve({ won: value, address }));
      } catch (error) {
        running.delete(own);
        if (!over) failed(index, { address, error, duration: clock.now() - start });
      }
    }

    function failed(index: number, last: Failure<A>): void {
      failures.set(index, last);
      if (!isFatal(last.error) && failures.size < addresses.length) {
        next();
        return;
      }
      const lost = [...failures].sort(([a], [b]) => a - b).map(([, failure]) => failure);
      finish(() => resolve({ lost, last }));
    }

    function finish(settle: () => void): void {
      over = true;
      cancel(timer);
      signal?.removeEventListener("abort", stop);
      for (const loser of running) loser.abort(signal?.reason);
      settle();
    }
  });
}
