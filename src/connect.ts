import type { Socket } from "node:net";
import { Addresses, subjectOf } from "./address/addresses.js";
import { formatEndpoint, type AddressInfo } from "./address/endpoint.js";
import { lookupAddresses } from "./address/resolve.js";
import {
  checkedAddresses,
  checkedConnectOptions,
  connectTarget,
  type ConnectEndpoint,
  type ConnectOptions,
} from "./options/connect.js";
import { applyTo, settingsOf } from "./options/connection.js";
import type { Complete } from "./options/schema.js";
import { connectionOver, type Connection } from "./connection.js";
import type { Candidate } from "./dial/attempt.js";
import { dial, type DialOptions } from "./dial/dial.js";
import type { LinkSettings } from "./core/link.js";
import { transportOf } from "./core/transport/kernel.js";
import type { Subject } from "./errors.js";
import { getParameters } from "./parameters.js";

type Find = DialOptions<Connection>["find"];

/**
 * Resolves to a connection to a host: CHICKEN's `tcp-connect`.
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
  const given = hasPort || portOrOptions === undefined ? lastOptions : portOrOptions;
  const options = checkedConnectOptions(given === undefined ? {} : given);
  const target = connectTarget(hasPort ? { host: to as string, port: portOrOptions } : to);
  if ("path" in target) {
    const subject = { address: target.path, text: target.path };
    return await dial(dialOptions(options, subject, () => Promise.resolve([target])));
  }
  const { host, port } = target;
  const subject = { host, port, text: formatEndpoint(host, port) };
  const find: Find = (journal, signal) => journal.lookup(lookupAddresses(host, port, options, signal));
  return await dial(dialOptions(options, subject, find));
}

/**
 * Resolves to a connection to the first of several literal addresses that can be reached: CHICKEN's `tcp-connect/ai`.
 *
 * RFC 8305, "Happy Eyeballs": the families take turns, beginning with that of the first address; the next address is
 * tried `attemptDelay` ms after the last, or at once when one fails; at most 16 are tried beside each other; the first to
 * connect wins and the others are destroyed. Only a lack of local resources (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`) ends
 * the race early.
 *
 * @param addresses - what {@link resolve} gives; lists may be joined
 * @throws as {@link connect}
 */
export async function connectTo(
  addresses: readonly AddressInfo[],
  options: ConnectOptions = {},
): Promise<Connection> {
  options = checkedConnectOptions(options);
  const checked = checkedAddresses(addresses);
  const candidates = checked.filter(({ family }) => !options.family || family === options.family);
  const text = checked.map(({ address, port }) => formatEndpoint(address, port)).join(", ");
  return await dial(dialOptions(options, { text }, () => Promise.resolve(candidates)));
}

/** How to dial, with what the connection captures: as things are when the call is made. */
function dialOptions(
  options: ConnectOptions,
  subject: Subject,
  find: Find,
): Complete<DialOptions<Connection>> {
  const settings = settingsOf(options);
  const { timeout = getParameters().connectTimeout, signal, attemptDelay, attemptTimeout } = options;
  const { localAddress, localPort } = options;
  return {
    subject,
    find,
    timeout,
    signal,
    attemptDelay,
    attemptTimeout,
    localAddress,
    localPort,
    // Over TCP alone, connected is finished.
    handshake: undefined,
    establish: (socket, to) => established(socket, to, options, settings),
    discard: (late) => late.reset(),
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
  const addresses = new Addresses(socket);
  return connectionOver(transportOf(socket), addresses, settings, subjectOf(addresses, path));
}
