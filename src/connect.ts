import { subjectOf } from "./address/addresses.js";
import { joinHostPort, shownPath, type AddressInfo } from "./address/endpoint.js";
import { lookupAddresses } from "./address/resolve.js";
import {
  checkedAddresses,
  checkedConnectOptions,
  connectTarget,
  type ConnectEndpoint,
  type ConnectOptions,
  type ConnectTarget,
} from "./options/connect.js";
import { applyTo, settingsOf } from "./options/connection.js";
import type { Complete } from "./options/schema.js";
import { Connection, connectionOver, linkOf } from "./connection.js";
import { failingInTime } from "./core/timing/budget.js";
import type { Addresses } from "./address/addresses.js";
import { rawStreamOf, type Transport } from "./core/transport/transport.js";
import { dial, type DialOptions } from "./dial/dial.js";
import type { Subject } from "./errors.js";
import { bytesOfProxyHeader } from "./options/proxy.js";
import { getParameters } from "./parameters.js";
import { sendHeader } from "./proxy-protocol/send.js";
import { TLS_DEFAULTS, TlsClient } from "./tls/client.js";

/** What has connected, before its handshake if it needs one. */
type Connected = Connection | Raw;

/** A transport that nothing has been read from, and where it has connected to. */
interface Raw {
  readonly transport: Transport;
  readonly addresses: Addresses;
  readonly path: string | undefined;
  reset(): void;
}

/** How to dial a connection. */
export interface ConnectionDial extends DialOptions<Connection, Connected> {
  /** Whether the connection will have TLS. */
  readonly isSecure: boolean;
}

type Find = ConnectionDial["find"];

/**
 * Resolves to a connection to a host. This is CHICKEN's `tcp-connect`.
 *
 * The name is looked up, and its addresses are raced as {@link connectTo} says. With the option `tls`, the TLS handshake
 * follows, with the address that has connected. One deadline bounds all of it: `timeout`, or else the parameter
 * `connectTimeout`, `Infinity` by default; no call meets a deadline of `0`. When time runs out or `signal` is aborted, the
 * call rejects at once; it leaves no socket behind at either end, and none connects later. A lookup by
 * `dns.lookup` cannot be cancelled: its answer is ignored, but the process may stay alive until it comes. A `lookup` of
 * your own can avoid that.
 *
 * @example
 * await using connection = await connect("example.org", 80, { timeout: 5_000 });
 *
 * @example
 * await using connection = await connect("example.org", 443, { tls: true });
 *
 * @param host - a name or a literal address
 * @param port - from 1 to 65535, or the name of a service such as `"https"`
 * @throws NetTimeoutError if time ran out, with what had failed by then in `attempts`
 * @throws what `signal` was aborted with
 * @throws NetError how the last address failed, with the failures of all in `attempts`; with operation `"resolve"` if
 *   the lookup failed: `ENOTFOUND`, `EAI_AGAIN`, `EAI_SERVICE` (no such service) and others
 * @throws NetError with operation `"tls"` if the handshake failed, with the code of OpenSSL or Node:
 *   `DEPTH_ZERO_SELF_SIGNED_CERT`, `ERR_TLS_CERT_ALTNAME_INVALID` (a certificate for another name),
 *   `ERR_SSL_WRONG_VERSION_NUMBER` (the peer does not speak TLS) and others; and, before anything is connected, for a key, a
 *   certificate, a cipher or a version that cannot be used
 * @throws TypeError, RangeError for wrong arguments
 */
export function connect(host: string, port: number | string, options?: ConnectOptions): Promise<Connection>;
/**
 * Resolves to a connection to an endpoint: `"host:port"`, `"[::1]:ssh"`, `{ host, port }` or a `URL`; or to a Unix socket
 * by its path, `"/run/app.sock"` or `{ path }`.
 *
 * Of a `URL`, only the host and the port count. Without a port, it is the port of the service that the protocol names:
 * 443 for `https:`, 6379 for `redis:`. A `tls:` URL implies the option `tls: true`. No other protocol implies TLS, not
 * even `https:`: bytes go out as they are written.
 *
 * @example
 * await using connection = await connect("[::1]:8080");
 *
 * @example
 * await using connection = await connect(new URL("redis://localhost"));
 *
 * @throws NetError `EAI_SERVICE` for a URL without a port whose protocol names no service, as for any unknown service
 * @throws TypeError `ERR_INVALID_ARG_VALUE` for a URL without a host, and for `file:` and `unix:` URLs (give the path). No
 *   error repeats the URL, which may hold a password
 */
export function connect(endpoint: ConnectEndpoint, options?: ConnectOptions): Promise<Connection>;
export function connect(
  to: ConnectEndpoint,
  portOrOptions?: number | string | ConnectOptions,
  lastOptions?: ConnectOptions,
): Promise<Connection> {
  return failingInTime(() => {
    const { endpoint, given } = argumentsOf(to, portOrOptions, lastOptions);
    const options = checkedConnectOptions(given);
    return dial(dialOptionsTo(connectTarget(endpoint), options));
  });
}

/** What the arguments of a call stand for that takes an endpoint, or a host and a port, and then its options. */
export function argumentsOf<Options extends ConnectOptions>(
  to: ConnectEndpoint,
  portOrOptions: number | string | Options | undefined,
  lastOptions: Options | undefined,
): { endpoint: ConnectEndpoint; given: Options | undefined } {
  const hasPort = typeof portOrOptions === "number" || typeof portOrOptions === "string";
  if (hasPort) return { endpoint: { host: to as string, port: portOrOptions }, given: lastOptions };
  return { endpoint: to, given: portOrOptions === undefined ? lastOptions : portOrOptions };
}

/** How to dial a host and a port, or the path of a Unix socket. */
export function dialOptionsTo(target: ConnectTarget, options: ConnectOptions): Complete<ConnectionDial> {
  if ("path" in target) {
    const subject = { address: target.path, text: shownPath(target.path) };
    return dialOptions(options, subject, () => [target]);
  }
  const { host, port } = target;
  if (target.tls) options = { ...options, tls: options.tls ?? true };
  const subject = { host, port, text: joinHostPort(host, port) };
  const find: Find = (journal, signal) => journal.lookup(() => lookupAddresses(host, port, options, signal));
  return dialOptions(options, subject, find);
}

/**
 * Resolves to a connection to the first of several literal addresses that can be reached. This is CHICKEN's
 * `tcp-connect/ai`.
 *
 * The addresses race as RFC 8305, "Happy Eyeballs", says. The families take turns, beginning with that of the first
 * address. An attempt begins `attemptDelay` ms after the one before, or at once when one fails; at most 16 run beside each
 * other. `attemptTimeout`, or else the parameter of that name, bounds each. The first to connect wins, and the sockets of
 * the others are destroyed. Only a lack of local resources (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`) ends the race early.
 *
 * @example
 * const addresses = await resolve("example.org", "https");
 * await using connection = await connectTo(addresses, { attemptDelay: 100 });
 *
 * @param addresses - what {@link resolve} resolves to; several such lists may be joined
 * @throws as {@link connect}
 */
export function connectTo(
  addresses: readonly AddressInfo[],
  options: ConnectOptions = {},
): Promise<Connection> {
  return failingInTime(() => {
    const checked = checkedAddresses(addresses);
    options = checkedConnectOptions(options);
    const candidates = checked.filter(({ family }) => !options.family || family === options.family);
    const text = checked.map(({ address, port }) => joinHostPort(address, port)).join(", ");
    return dial(dialOptions(options, { text }, () => candidates));
  });
}

/** How to dial. Parameters are read now, at the call: what changes later does not reach the connection. */
export function dialOptions(options: ConnectOptions, subject: Subject, find: Find): Complete<ConnectionDial> {
  const settings = settingsOf(options, subject.host);
  const parameters = getParameters();
  const { timeout = parameters.connectTimeout, attemptTimeout = parameters.attemptTimeout } = options;
  const { signal, closeOn, attemptDelay, localAddress, localPort, tls, allowTruncation } = options;
  const header = options.proxyHeader && bytesOfProxyHeader(options.proxyHeader);
  const client =
    tls && new TlsClient(tls === true ? TLS_DEFAULTS : tls, subject.host, subject, allowTruncation);
  // Over TCP alone, connected is finished.
  const isFinished = client === undefined && header === undefined;
  const connectionOf = (transport: Transport, { addresses, path }: Omit<Raw, "transport" | "reset">) =>
    connectionOver("connect", transport, addresses, settings, subjectOf(addresses, path));
  return {
    subject,
    find,
    timeout,
    signal,
    closeOn,
    attemptDelay,
    attemptTimeout,
    localAddress,
    localPort,
    isSecure: client !== undefined,
    handshake: isFinished
      ? undefined
      : async (connected, stop) => {
          const { transport } = connected instanceof Connection ? linkOf(connected) : connected;
          if (header !== undefined) await sendHeader(transport, header, stop);
          if (client === undefined) return connected as Connection;
          return connectionOf(await client.handshake(rawStreamOf(transport), stop), connected as Raw);
        },
    establish: (transport, addresses, to) => {
      const path = "path" in to ? to.path : undefined;
      if (path === undefined) applyTo(transport, options);
      // Node reads a socket that has connected: without TLS there has to be a connection that gets what arrives.
      if (client === undefined) return connectionOf(transport, { addresses, path });
      return { transport, addresses, path, reset: () => transport.reset() };
    },
    discard: (late) => late.reset(),
  };
}
