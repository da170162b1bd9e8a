import { checkHost, endpointForm, isEndpoint, partsOf } from "../address/endpoint.js";
import { portOf } from "../address/services.js";
import { checkBoolean, checkSignal, checkSize, checkTimeout } from "./checks.js";
import { CONNECTION, type ConnectionOptions } from "./connection.js";
import { checkedOptions, schemaOf, type Complete } from "./schema.js";
import { getParameters } from "../parameters.js";

/** The largest `int` of C, which is what listen(2) takes. */
const MAX_BACKLOG = 2 ** 31 - 1;

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

const IN_ENDPOINT = "it is part of the endpoint, the first argument";

const LISTEN = schemaOf<ListenOptions>(
  {
    ...CONNECTION.checks,
    host: checkHost,
    backlog: (name, value) => checkSize(name, value, MAX_BACKLOG),
    ipv6Only: checkBoolean,
    reusePort: checkBoolean,
    acceptTimeout: checkTimeout,
    signal: checkSignal,
  },
  {
    elsewhere: {
      port: IN_ENDPOINT,
      path: IN_ENDPOINT,
      timeout: "listening is not bounded in time, a signal may cancel it",
    },
    insteadOfNumber: "a backlog is { backlog }",
  },
);

const ENDPOINT = endpointForm<{ port: unknown; host: unknown; path: unknown; fd: unknown }>(
  { port: true, host: true, path: true, fd: true },
  {
    forms: "a port, a service, a string, { port, host }, { path } or { fd }",
    either: "one of { port, host }, { path } and { fd }",
  },
  LISTEN,
);

/** The options as they are at the call, checked, with the parameter `ipv6Only` where they have none. */
export function checkedListenOptions(given: ListenOptions): Complete<ListenOptions> {
  return checkedOptions(given, LISTEN, copyOf);
}

function copyOf(given: ListenOptions): Complete<ListenOptions> {
  const { readTimeout, writeTimeout, bufferSize, noDelay, keepAlive } = given;
  const { host, backlog, ipv6Only = getParameters().ipv6Only, reusePort, acceptTimeout, signal } = given;
  return {
    readTimeout,
    writeTimeout,
    bufferSize,
    noDelay,
    keepAlive,
    host,
    backlog,
    ipv6Only,
    reusePort,
    acceptTimeout,
    signal,
  };
}

/** The target of a listen. */
export function listenTarget(at: ListenEndpoint, options: ListenOptions): ListenTarget {
  const isService = typeof at === "number" || (typeof at === "string" && !isEndpoint(at));
  const parts = isService ? { host: undefined, port: at } : partsOf(at, ENDPOINT);
  if (!("host" in parts)) return parts;
  const { host = options.host, port } = parts;
  if (host === undefined) return { host, port: portOf(port as number | string) };
  checkHost("host", host);
  return { host, port: portOf(port as number | string, host) };
}
