import { familyOf, type AddressInfo } from "../address/endpoint.js";
import type { OperationOptions } from "../options/operation.js";
import { bounded } from "../core/timing/bounded.js";
import { clock } from "../core/timing/clock.js";
import { withEitherSignal } from "../core/timing/either-signal.js";
import {
  attemptsFailed,
  NetError,
  NetTimeoutError,
  reasonOfAbort,
  refused,
  type Subject,
} from "../errors.js";
import type { Candidate } from "../core/network.js";
import { attempt, type AttemptOptions } from "./attempt.js";
import { Journal } from "./journal.js";
import { interleave, race } from "./race.js";

/** Resolves to what the caller gets, made of what has connected. If it rejects, it leaves nothing behind of that. */
export type Handshake<T, C = T> = (connected: C, signal: AbortSignal | undefined) => Promise<T>;

/** How to dial: an attempt makes a `C`, and the call resolves to a `T`. */
export interface DialOptions<T, C = T> extends OperationOptions, AttemptOptions<C> {
  readonly subject: Subject;
  /** Ends the call as its `signal` does. */
  readonly closeOn?: AbortSignal | undefined;
  readonly attemptDelay?: number | undefined;
  /** Finds the candidates, at once where nothing is to be looked up. */
  readonly find: (
    journal: Journal,
    signal: AbortSignal | undefined,
  ) => readonly Candidate[] | Promise<readonly Candidate[]>;
  /**
   * What the two ends have to agree on before the caller gets the connection. The race is over by then: addresses compete
   * by connecting (RFC 8305, section 5), and only the winner has a handshake. If it fails the call has failed, since a
   * server most likely answers the same at its other addresses. The deadline of the call bounds it. Its signal is aborted
   * when time runs out or the caller gives up. What had connected is discarded then, and when the handshake fails.
   */
  readonly handshake?: Handshake<T, C> | undefined;
  /** Disposes of what was established too late, or of what was made of it. */
  readonly discard: (late: C | T) => void;
}

/** RFC 8305, section 5: the recommended Connection Attempt Delay. */
const DEFAULT_ATTEMPT_DELAY_MS = 250;

/** The codes of a machine that has nothing left to connect with: no other address would do better. */
const FATAL = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

/**
 * Resolves to a connection: finds the candidates, races them, and does the handshake with the winner, if there is one.
 * One deadline bounds all of it. Rejects with the failures of all attempts.
 */
export function dial<T, C = T>(options: DialOptions<T, C>): Promise<T> {
  const { signal, closeOn } = options;
  // Most calls have one signal or none: a copy of the options would cost more than the rest of this.
  if (closeOn === undefined || closeOn === signal) return dialUntil(options);
  return withEitherSignal(signal, closeOn, (either) => dialUntil({ ...options, signal: either }));
}

async function dialUntil<T, C>(options: DialOptions<T, C>): Promise<T> {
  const { subject, signal, discard } = options;
  const journal = new Journal(subject.host);
  const run = async (stop: AbortSignal | undefined): Promise<T> => {
    const found = options.find(journal, stop);
    const candidates = usable(found instanceof Promise ? await found : found, options);
    const [only] = candidates;
    const connected = await (only !== undefined && candidates.length === 1
      ? tryOnly(only, options, journal, stop)
      : raceAll(candidates, options, journal, stop));
    const { handshake } = options;
    // Without a handshake what has connected is what the caller gets.
    return handshake === undefined
      ? (connected as unknown as T)
      : await runHandshake(connected, handshake, options, journal, stop);
  };
  try {
    return await bounded("connect", subject, options, run, discard);
  } catch (error) {
    // The reason of an abort, which may be the timeout of another call, is passed on as it is.
    if (!(error instanceof NetTimeoutError)) throw error;
    if (signal?.aborted === true && error === reasonOfAbort(signal)) throw error;
    if (error.attempts !== undefined) throw error;
    throw attemptsFailed(subject, error, journal.errors());
  }
}

/** Connects to the only candidate there is. */
async function tryOnly<T, C>(
  to: Candidate,
  options: DialOptions<T, C>,
  journal: Journal,
  signal: AbortSignal | undefined,
): Promise<C> {
  try {
    return await journal.attempt(to, signal, () => attempt(to, options, signal));
  } catch (error) {
    if (signal?.aborted === true || !(error instanceof NetError)) throw error;
    throw attemptsFailed(options.subject, error, [error]);
  }
}

/** Connects to the first of several candidates that can be reached. */
async function raceAll<T, C>(
  candidates: readonly Candidate[],
  options: DialOptions<T, C>,
  journal: Journal,
  signal: AbortSignal | undefined,
): Promise<C> {
  const outcome = await race(candidates, {
    attemptDelay:
      options.localPort === undefined ? (options.attemptDelay ?? DEFAULT_ATTEMPT_DELAY_MS) : Infinity,
    attempt: (to, lost) => journal.attempt(to, lost, () => attempt(to, options, lost)),
    isFatal: (error) => error instanceof NetError && FATAL.has(error.code),
    discard: options.discard,
    clock,
    signal,
  });
  if ("won" in outcome) return outcome.won;
  const attempts = outcome.lost.map(({ error }) => error as NetError);
  throw attemptsFailed(options.subject, outcome.last.error as NetError, attempts);
}

/** Does the handshake. What had connected is discarded if it fails or is given up. */
async function runHandshake<T, C>(
  connected: C,
  handshake: Handshake<T, C>,
  { subject, discard }: DialOptions<T, C>,
  journal: Journal,
  signal: AbortSignal | undefined,
): Promise<T> {
  // The call has been given up, so what this resolves to is discarded.
  if (signal?.aborted === true) return connected as unknown as T;
  const giveUp = (): void => discard(connected);
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    return await journal.handshake(signal, () => handshake(connected, signal));
  } catch (error) {
    discard(connected);
    signal?.throwIfAborted();
    throw attemptsFailed(subject, error as NetError, journal.errors());
  } finally {
    signal?.removeEventListener("abort", giveUp);
  }
}

/** The candidates that can be reached from `localAddress`, in the order of the race. */
function usable(
  found: readonly Candidate[],
  { localAddress, subject }: Pick<DialOptions<unknown>, "localAddress" | "subject">,
): readonly Candidate[] {
  if (found.length === 1 && localAddress === undefined) return found;
  const addresses = found.filter((candidate): candidate is AddressInfo => "address" in candidate);
  if (addresses.length < found.length) return found;
  const family = localAddress === undefined ? 0 : familyOf(localAddress);
  const matching = addresses.filter((candidate) => family === 0 || candidate.family === family);
  if (matching.length > 0) return interleave(matching);
  const wanted = family === 0 ? "of the family asked for" : `IPv${String(family)}, as localAddress is`;
  throw refused("connect", subject, "EADDRNOTAVAIL", `none of the addresses is ${wanted}`);
}
