import { checkPath } from "./address/endpoint.js";
import { checkHost } from "./address/resolve.js";
import { portOf } from "./address/services.js";
import { checkBoolean, checkOptions, checkSignal, checkSize, checkTimeout, wrongType } from "./arguments.js";
import { checkConnectionOptions, type ConnectionOptions } from "./connection-options.js";
import { getParameters } from "./parameters.js";

/** How to listen. What is said of connections is captured by each that is accepted. */
export interface ListenOptions extends ConnectionOptions {
  /** The name or literal address to listen on; without it, all addresses. */
  host?: string | undefined;
  /** How many clients may wait to be accepted, in the kernel and then here: 511 by default. */
  backlog?: number | undefined;
  /** On an IPv6 address, takes IPv6 clients only; without a `host`, listens on `0.0.0.0`. The parameter without it. */
  ipv6Only?: boolean | undefined;
  /** Lets several processes listen on the same port, which the kernel shares out: SO_REUSEPORT, from Node 22.12 on. */
  reusePort?: boolean | undefined;
  /** Most ms that `accept()` waits; the parameter without it. `for await` loops ignore it. */
  acceptTimeout?: number | undefined;
  /** Cancels the call to `listen`; nothing after it. */
  signal?: AbortSignal | undefined;
}

/** Where to listen: a port or service, a Unix socket, or a descriptor that listens already. */
export type ListenEndpoint =
  | number
  | string
  | { readonly port: number | string; readonly host?: string | undefined }
  | { readonly path: string }
  | { readonly fd: number };

export type ListenTarget = { host: string | undefined; port: number } | { path: string } | { fd: number };

/** The options as they are at the call, checked, with the parameter `ipv6Only` where they have none. */
export function checkedListenOptions(given: ListenOptions): ListenOptions {
  checkOptions(given);
  checkConnectionOptions(given);
  const { readTimeout, writeTimeout, bufferSize, noDelay, keepAlive } = given;
  const { host, backlog, ipv6Only = getParameters().ipv6Only, reusePort, acceptTimeout, signal } = given;
  checkSignal(signal);
  checkTimeout("acceptTimeout", acceptTimeout);
  checkBoolean("ipv6Only", ipv6Only);
  checkBoolean("reusePort", reusePort);
  if (backlog !== undefined) checkSize("backlog", backlog, MOST_BACKLOG);
  const ofConnections = { readTimeout, writeTimeout, bufferSize, noDelay, keepAlive };
  return { ...ofConnections, host, backlog, ipv6Only, reusePort, acceptTimeout, signal };
}

/** The parts of an endpoint, checked. */
export function targetOf(at: ListenEndpoint, options: ListenOptions): ListenTarget {
  if (typeof at === "number" || typeof at === "string") return portTarget(options.host, at);
  if (typeof at !== "object" || (at as unknown) === null) {
    throw wrongType("endpoint", "a port, a service, { port, host }, { path } or { fd }", at);
  }
  if ("path" in at) {
    checkPath(at.path);
    return { path: at.path };
  }
  if ("fd" in at) {
    checkSize("fd", at.fd);
    return { fd: at.fd };
  }
  return portTarget(at.host === undefined ? options.host : at.host, at.port);
}

function portTarget(host: string | undefined, service: number | string): ListenTarget {
  if (host !== undefined) {
    if (typeof host !== "string") throw wrongType("host", "a string", host);
    checkHost(host);
  }
  return { host, port: portOf(service, host) };
}

/** A whole number of C's `int`, as listen(2) takes it. */
const MOST_BACKLOG = 2 ** 31 - 1;
