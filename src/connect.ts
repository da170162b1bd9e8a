import type { Socket, SocketConnectOpts } from "node:net";
import { addressesOf, subjectOf } from "./address/addresses.js";
import { familyOf, formatEndpoint, type AddressInfo } from "./address/endpoint.js";
import { lookupAddresses } from "./address/resolve.js";
import { bounded } from "./bounded.js";
import {
  checkConnectOptions,
  checkedAddresses,
  targetOf,
  type ConnectEndpoint,
  type ConnectOptions,
} from "./connect-options.js";
import { applyTo, settingsOf } from "./connection-options.js";
import { Connection } from "./connection.js";
import { attempt } from "./dial/attempt.js";
import { interleave, race, type Clock } from "./dial/race.js";
import { Link, type LinkSettings } from "./engine/link.js";
import { transportOf } from "./engine/socket-transport.js";
import { NetError, NetTimeoutError, refused, type NetErrorFields, type Subject } from "./errors.js";
import { getParameters } from "./parameters.js";

/** RFC 8305, section 5: the recommended Connection Attempt Delay. */
const ATTEMPT_DELAY = 250;

/** No other address does better when this machine has nothing left to connect with. */
const FATAL = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

const clock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delay) => setTimeout(callback, delay),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout | undefined),
};

/**
 * Resolves to a connection to a host: the egg's `tcp-connect`.
 *
 * The name is looked up, and its addresses are raced as {@link connectTo} does. One deadline, `options.timeout` or the
 * parameter `connectTimeout` (`Infinity` by default), spans it all; `0` can never be met. A timeout or an abort settles
 * at once and leaves no socket behind, also none that would connect late. (A lookup by `dns.lookup` cannot be cancelled:
 * its answer is ignored, but it may keep the process alive until it comes; give a `lookup` of your own to change that.)
 *
 * @param host - a name or a literal address
 * @param port - a number, or the name of a service: `"https"`
 * @throws NetTimeoutError, and whatever `signal` was aborted with
 * @throws NetError how the last address failed, with all of them in `attempts`; with operation `"resolve"` if the lookup
 *   failed: `ENOTFOUND`, `EAI_AGAIN`, `EAI_SERVICE` (no such service) …
 * @throws TypeError, RangeError for wrong arguments
 */
export function connect(host: string, port: number | string, options?: ConnectOptions): Promise<Connection>;
/**
 * Resolves to a connection to an endpoint: `"host:port"`, `"[::1]:ssh"`, `{ host, port }`, or a Unix socket by its path,
 * `"/run/app.sock"` or `{ path }`.
 */
export function connect(endpoint: ConnectEndpoint, options?: ConnectOptions): Promise<Connection>;
export async function connect(
  to: ConnectEndpoint,
  portOrOptions?: number | string | ConnectOptions,
  lastOptions?: ConnectOptions,
): Promise<Connection> {
  const hasPort = typeof portOrOptions === "number" || typeof portOrOptions === "string";
  const options = (hasPort ? lastOptions : portOrOptions) ?? {};
  checkConnectOptions(options);
  const target = targetOf(hasPort ? { host: to as string, port: portOrOptions } : to);
  if ("path" in target)
    return await dial(options, { address: target.path, text: target.path }, pathTo(target.path));
  const { host, port } = target;
  const subject = { host, port, text: formatEndpoint(host, port) };
  return await dial(options, subject, (signal) => lookupAddresses(host, port, options, signal));
}

/**
 * Resolves to a connection to the first of several literal addresses that can be reached: the egg's `tcp-connect/ai`.
 *
 * RFC 8305, "Happy Eyeballs": the families take turns, beginning with that of the first address; the next address is
 * tried `attemptDelay` ms after the last, or at once when one fails; the first to connect wins and the others are
 * destroyed. Only a lack of local resources (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`) ends the race early.
 *
 * @param addresses - what {@link resolve} gives; lists may be joined
 * @throws as {@link connect}
 */
export async function connectTo(
  addresses: readonly AddressInfo[],
  options: ConnectOptions = {},
): Promise<Connection> {
  checkConnectOptions(options);
  const candidates = checkedAddresses(addresses).filter(
    ({ family }) => !options.family || family === options.family,
  );
  const text = addresses.map(({ address, port }) => formatEndpoint(address, port)).join(", ");
  return await dial(options, { text }, () => Promise.resolve(candidates));
}

/** What is raced: addresses, or the one path of a Unix socket. */
type Candidate = AddressInfo | { readonly path: string };

async function dial(
  options: ConnectOptions,
  subject: Subject,
  find: (signal: AbortSignal) => Promise<Candidate[]>,
): Promise<Connection> {
  const settings = settingsOf(options);
  const { timeout = getParameters().connectTimeout, signal, attemptTimeout = Infinity } = options;
  const attemptDelay = options.localPort === undefined ? (options.attemptDelay ?? ATTEMPT_DELAY) : Infinity;
  const discard = (late: Connection) => late.reset();
  const run = async (stop: AbortSignal): Promise<Connection> => {
    const outcome = await race(usable(await find(stop), options, subject), {
      attemptDelay,
      attempt: (to, lost) => {
        const establish = (socket: Socket) => established(socket, to, options, settings);
        const { to: target, subject: itself } = attemptOf(to, options);
        return attempt(target, itself, { timeout: attemptTimeout, establish, discard }, lost);
      },
      isFatal: (error) => error instanceof NetError && FATAL.has(error.code),
      discard,
      clock,
      signal: stop,
    });
    if ("won" in outcome) return outcome.won;
    throw allFailed(
      subject,
      outcome.lost.map(({ error }) => error as NetError),
      outcome.last.error as NetError,
    );
  };
  return await bounded("connect", subject, { timeout, signal }, run, discard);
}

/** The candidates in the order in which they are tried. */
function usable(found: Candidate[], { localAddress }: ConnectOptions, subject: Subject): Candidate[] {
  const addresses = found.filter((candidate) => "address" in candidate);
  if (addresses.length < found.length) return found;
  const family = localAddress === undefined ? 0 : familyOf(localAddress);
  const matching = addresses.filter((candidate) => family === 0 || candidate.family === family);
  if (matching.length === 0) {
    const wanted = family === 0 ? "the family asked for" : `IPv${String(family)}, as localAddress is`;
    throw refused("connect", subject, "EADDRNOTAVAIL", `none of the addresses is of ${wanted}`);
  }
  return interleave(matching);
}

function attemptOf(to: Candidate, options: ConnectOptions): { to: SocketConnectOpts; subject: Subject } {
  if ("path" in to) return { to, subject: { address: to.path, text: to.path } };
  const { address, port, family } = to;
  const { localAddress, localPort } = options;
  return {
    subject: { address, port, text: formatEndpoint(address, port) },
    to: {
      host: address,
      port,
      family,
      // Node's own race aborts each attempt when its time is up, so that slow links never connect.
      autoSelectFamily: false,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(localPort === undefined ? {} : { localPort }),
    },
  };
}

function established(
  socket: Socket,
  to: Candidate,
  options: ConnectOptions,
  settings: LinkSettings,
): Connection {
  const path = "path" in to ? to.path : undefined;
  if (path === undefined) applyTo(socket, options);
  const addresses = addressesOf(socket);
  return new Connection(new Link(transportOf(socket), subjectOf(addresses, path), settings), addresses);
}

/** The last failure, with all the others in it and in its message. */
function allFailed(subject: Subject, attempts: NetError[], last: NetError): NetError {
  const reasons = attempts.map(({ message }) => message.slice("connect ".length));
  const single = attempts.length === 1 && reasons[0]?.startsWith(`${subject.text}: `) === true;
  const message = single ? last.message : `connect ${subject.text}: ${reasons.join("; ")}`;
  const { code, syscall, address, port, cause } = last;
  const host = subject.host;
  const fields: NetErrorFields = {
    code,
    operation: "connect",
    syscall,
    host,
    address,
    port,
    cause,
    attempts,
  };
  if (!(last instanceof NetTimeoutError)) return new NetError(message, fields);
  return new NetTimeoutError(message, { ...fields, timeout: last.timeout });
}

function pathTo(path: string): () => Promise<Candidate[]> {
  return () => Promise.resolve([{ path }]);
}
