import { familyOf, type AddressInfo } from "../address/endpoint.js";
import type { OperationOptions } from "../options/operation.js";
import { bounded } from "../core/timing/bounded.js";
import { clock } from "../core/timing/clock.js";
import { connectFailed, NetError, NetTimeoutError, reasonOfAbort, refused, type Subject } from "../errors.js";
import { attempt, type AttemptOptions, type Candidate } from "./attempt.js";
import { Journal } from "./journal.js";
import { interleave, race } from "./race.js";

export interface DialOptions<T> extends OperationOptions, AttemptOptions<T> {
  readonly subject: Subject;
  readonly attemptDelay?: number | undefined;
  /** Finds the candidates. */
  readonly find: (journal: Journal, signal: AbortSignal | undefined) => Promise<readonly Candidate[]>;
}

/** RFC 8305, section 5: the recommended Connection Attempt Delay. */
const ATTEMPT_DELAY = 250;

/** No other address does better when this machine has nothing left to connect with. */
const FATAL = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

/** Finds the candidates and races them, all within one deadline; rejects with what was tried. */
export async function dial<T>(options: DialOptions<T>): Promise<T> {
  const { subject, signal, discard } = options;
  const journal = new Journal(subject.host);
  const run = async (stop: AbortSignal | undefined): Promise<T> => {
    const candidates = usable(await options.find(journal, stop), options);
    const [only] = candidates;
    if (only !== undefined && candidates.length === 1) return await alone(only, options, journal, stop);
    return await raced(candidates, options, journal, stop);
  };
  try {
    return await bounded("connect", subject, options, run, discard);
  } catch (error) {
    // What it was aborted with may be another call's timeout.
    if (!(error instanceof NetTimeoutError)) throw error;
    if (signal?.aborted === true && error === reasonOfAbort(signal)) throw error;
    if (error.attempts !== undefined) throw error;
    throw connectFailed(subject, error, journal.errors());
  }
}

/** Tries the only candidate there is. */
async function alone<T>(
  to: Candidate,
  options: DialOptions<T>,
  journal: Journal,
  signal: AbortSignal | undefined,
): Promise<T> {
  try {
    return await journal.attempt(to, signal, () => attempt(to, options, signal));
  } catch (error) {
    if (signal?.aborted === true || !(error instanceof NetError)) throw error;
    throw connectFailed(options.subject, error, [error]);
  }
}

/** Tries several. */
async function raced<T>(
  candidates: readonly Candidate[],
  options: DialOptions<T>,
  journal: Journal,
  signal: AbortSignal | undefined,
): Promise<T> {
  const outcome = await race(candidates, {
    attemptDelay: options.localPort === undefined ? (options.attemptDelay ?? ATTEMPT_DELAY) : Infinity,
    attempt: (to, lost) => journal.attempt(to, lost, () => attempt(to, options, lost)),
    isFatal: (error) => error instanceof NetError && FATAL.has(error.code),
    discard: options.discard,
    clock,
    signal,
  });
  if ("won" in outcome) return outcome.won;
  const attempts = outcome.lost.map(({ error }) => error as NetError);
  throw connectFailed(options.subject, outcome.last.error as NetError, attempts);
}

/** The candidates in the order in which they are tried. */
function usable<T>(
  found: readonly Candidate[],
  { localAddress, subject }: DialOptions<T>,
): readonly Candidate[] {
  const addresses = found.filter((candidate): candidate is AddressInfo => "address" in candidate);
  if (addresses.length < found.length) return found;
  const family = localAddress === undefined ? 0 : familyOf(localAddress);
  const matching = addresses.filter((candidate) => family === 0 || candidate.family === family);
  if (matching.length > 0) return interleave(matching);
  const wanted = family === 0 ? "of the family asked for" : `IPv${String(family)}, as localAddress is`;
  throw refused("connect", subject, "EADDRNOTAVAIL", `none of the addresses is ${wanted}`);
}
