import { checkParts, checkPath, isEndpoint, parseEndpoint, partsOf } from "../address/endpoint.js";
import { checkHost } from "../address/resolve.js";
import { portOf } from "../address/services.js";
import { checkBoolean, checkSignal, checkSize, checkTimeout, wrongType, wrongValue } from "./checks.js";
import { checkOptions, refuseUnknown, type Known } from "./schema.js";
import { checkConnectionOptions, CONNECTION_OPTIONS, type ConnectionOptions } from "./connection.js";
import { getParameters } from "../parameters.js";

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

/**
 * Where to listen: a port or service, a host and a port or service, the path of a Unix socket, or a descriptor that
 * listens already. Text with a colon is `"host:port"`, text that begins like a path is one, any other is a service.
 */
export type ListenEndpoint =
  | number
  | string
  | { readonly port: number | string; readonly host?: string | undefined }
  | { readonly path: string }
  | { readonly fd: number };

export type ListenTarget = { host: string | undefined; port: number } | { path: string } | { fd: number };

const OPTIONS: Known = {
  names: [...CONNECTION_OPTIONS, "host", "backlog", "ipv6Only", "reusePort", "acceptTimeout", "signal"],
  elsewhere: {
    port: "it is part of the endpoint, the first argument",
    path: "it is part of the endpoint, the first argument",
    timeout: "listening is not bounded in time, a signal may cancel it",
  },
  insteadOfNumber: "a backlog is { backlog }",
};

const PARTS = partsOf(["port", "host", "path", "fd"], OPTIONS.names);

/** The options as they are at the call, checked, with the parameter `ipv6Only` where they have none. */
export function checkedListenOptions(given: ListenOptions): ListenOptions {
  checkOptions(given, OPTIONS);
  refuseUnknown(given, OPTIONS);
  const { readTimeout, writeTimeout, bufferSize, noDelay, keepAlive } = given;
  const { host, backlog, ipv6Only = getParameters().ipv6Only, reusePort, acceptTimeout, signal } = given;
  const ofConnections = { readTimeout, writeTimeout, bufferSize, noDelay, keepAlive };
  checkConnectionOptions(ofConnections);
  checkSignal(signal);
  checkTimeout("acceptTimeout", acceptTimeout);
  checkBoolean("ipv6Only", ipv6Only);
  checkBoolean("reusePort", reusePort);
  if (backlog !== undefined) checkSize("backlog", backlog, MOST_BACKLOG);
  return { ...ofConnections, host, backlog, ipv6Only, reusePort, acceptTimeout, signal };
}

/** The parts of an endpoint, checked. */
export function targetOf(at: ListenEndpoint, options: ListenOptions): ListenTarget {
  if (typeof at === "number" || (typeof at === "string" && !isEndpoint(at))) {
    return portTarget(options.host, at);
  }
  const endpoint: unknown = typeof at === "string" ? parseEndpoint(at) : at;
  checkParts(endpoint, "a port, a service, a string, { port, host }, { path } or { fd }", PARTS);
  const { port, host, path, fd } = endpoint as Record<"port" | "host" | "path" | "fd", unknown>;
  if (path === undefined && fd === undefined) {
    return portTarget(host === undefined ? options.host : host, port as number | string);
  }
  if (path === undefined) checkSize("fd", fd);
  else checkPath(path);
  if (port !== undefined || host !== undefined || (path !== undefined && fd !== undefined)) {
    throw wrongValue("endpoint", "one of { port, host }, { path } and { fd }", endpoint);
  }
  return path === undefined ? { fd: fd as number } : { path };
}

function portTarget(host: unknown, service: number | string): ListenTarget {
  if (host === undefined) return { host, port: portOf(service) };
  if (typeof host !== "string") throw wrongType("host", "a string", host);
  checkHost(host);
  return { host, port: portOf(service, host) };
}

/** A whole number of C's `int`, as listen(2) takes it. */
const MOST_BACKLOG = 2 ** 31 - 1;
