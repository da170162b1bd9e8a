import type { Addresses, LocalEnd } from "../address/addresses.js";
import { joinHostPort, shownPath } from "../address/endpoint.js";
import { network, type Candidate } from "../core/network.js";
import { bounded, stoppable } from "../core/timing/bounded.js";
import type { Transport } from "../core/transport/transport.js";
import { translated, type Subject } from "../errors.js";

export interface AttemptOptions<T> extends LocalEnd {
  /** Most ms for each attempt; `Infinity` by default. */
  readonly attemptTimeout?: number | undefined;
  /** Makes what the attempt resolves to. Called in the event in which the transport connects. */
  readonly establish: (transport: Transport, addresses: Addresses, to: Candidate) => T;
  /** Disposes of what was established too late. */
  readonly discard: (late: T) => void;
}

/** Resolves to what `establish` makes of a socket that connects to one address. If it rejects, it leaves no socket behind. */
export function attempt<T>(
  to: Candidate,
  options: AttemptOptions<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const { attemptTimeout: timeout = Infinity, discard } = options;
  if (timeout === Infinity) return open(to, options, signal);
  return bounded("connect", subjectOf(to), { timeout, signal }, (stop) => open(to, options, stop), discard);
}

/** How the errors of an attempt name it. */
export function subjectOf(to: Candidate): Subject {
  if ("path" in to) return { address: to.path, text: shownPath(to.path) };
  return { address: to.address, port: to.port, text: joinHostPort(to.address, to.port) };
}

function open<T>(to: Candidate, options: AttemptOptions<T>, signal: AbortSignal | undefined): Promise<T> {
  return stoppable<T>(signal, (resolve, reject) =>
    network.connect(
      to,
      options,
      (transport, addresses) => resolve(options.establish(transport, addresses, to)),
      (cause) => reject(translated("connect", subjectOf(to), cause)),
    ),
  );
}
