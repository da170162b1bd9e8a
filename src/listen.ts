import process from "node:process";
import type { ListenOptions as ServerListenOptions, Server } from "node:net";
import { Pipeline } from "./accept/arrival.js";
import { AcceptQueue } from "./accept/queue.js";
import { DEFAULT_BACKLOG, openServer } from "./accept/server.js";
import { familyOf, joinHostPort, normalAddress } from "./address/endpoint.js";
import { lookupAddresses } from "./address/resolve.js";
import { bounded } from "./core/timing/bounded.js";
import { refused, type Subject } from "./errors.js";
import {
  checkedListenOptions,
  listenTarget,
  type ListenEndpoint,
  type ListenOptions,
  type ListenTarget,
} from "./options/listen.js";
import { listenerOf, type Listener, type ListenerAddress } from "./listener.js";

/**
 * Resolves to a listener once clients can connect. This is CHICKEN's `tcp-listen`.
 *
 * Without a `host` it listens on all IPv6 and IPv4 addresses, or on those of IPv4 alone where IPv6 is disabled. With
 * `ipv6Only` and no `host` it listens on `0.0.0.0`: CHICKEN's rule, since a caller who names no host expects IPv4 at
 * least.
 *
 * @example
 * await using listener = await listen("127.0.0.1:8080");
 * for await (const connection of listener) void serve(connection);
 *
 * @param at - a port, `0` for any that is free, or the name of a service; or what `connect` takes: `"127.0.0.1:0"`,
 *   `"[::1]:http-alt"`, `{ host, port }`, a `URL` by its host and its port or protocol (no protocol implies TLS, and
 *   `tls:` is refused), or the path of a Unix socket, `"/run/app.sock"` or `{ path }`; or `{ fd }`, a descriptor that is
 *   listening already
 * @throws NetError `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL` and others; with operation `"resolve"` if the host or the
 *   service is not known
 * @throws NetError `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM` for `reusePort` before Node 22.12 or without a port, and for a
 *   name in Linux's abstract namespace (`"\0name"`) before Node 22
 * @throws what `signal` was aborted with; nothing is left listening
 * @throws TypeError, RangeError for wrong arguments
 */
export async function listen(at: ListenEndpoint, options: ListenOptions = {}): Promise<Listener> {
  options = checkedListenOptions(options);
  const target = listenTarget(at, options);
  const asked = subjectOf(target);
  const signal = options.signal;
  if (options.reusePort === true) checkReusePort(target, asked);
  if ("path" in target) checkAbstractName(target.path, asked);
  const where = await bounded("listen", asked, { signal }, (stop) => whereTo(target, options, stop));
  const subject = subjectAt(asked, where.host, where.port);
  const queue = new AcceptQueue(
    options.backlog ?? DEFAULT_BACKLOG,
    "path" in target ? target.path : undefined,
  );
  const server = await openServer(where, subject, new Pipeline(queue), options);
  const address = addressOf(server);
  const bound = "port" in address ? subjectAt(asked, address.address, address.port) : asked;
  return listenerOf(server, address, bound, queue, options);
}

/** What Node is told. Hosts are literal addresses, so that Node looks up none. */
async function whereTo(
  target: ListenTarget,
  { reusePort, ipv6Only = false }: ListenOptions,
  signal: AbortSignal | undefined,
): Promise<ServerListenOptions> {
  if (!("port" in target)) return target as ServerListenOptions; // Node documents { fd }, its types lack it.
  const { port } = target;
  const shared = reusePort === true ? { reusePort } : {};
  if (target.host === undefined) return { port, ...(ipv6Only ? { host: "0.0.0.0" } : {}), ...shared };
  const [first] = await lookupAddresses(target.host, port, { passive: true }, signal);
  const host = first?.address ?? target.host;
  return { port, host, ipv6Only: ipv6Only && familyOf(host) === 6, ...shared };
}

/** How errors name the place that the caller asked for. */
function subjectOf(target: ListenTarget): Subject {
  if ("path" in target) return { address: target.path, text: target.path };
  if ("fd" in target) return { text: `descriptor ${String(target.fd)}` };
  const { host, port } = target;
  return { host, port, text: joinHostPort(host ?? "*", port) };
}

/** How errors name it once the address is known, which a Unix socket has none of. */
function subjectAt(asked: Subject, address: string | undefined, port = 0): Subject {
  if (address === undefined) return asked;
  const { host } = asked;
  const text = joinHostPort(address, port);
  const isNamed = host !== undefined && host !== address;
  return { host, address, port, text: isNamed ? `${joinHostPort(host, port)}: ${text}` : text };
}

function addressOf(server: Server): ListenerAddress {
  const bound = server.address();
  if (bound === null || typeof bound === "string") return { path: bound ?? "" };
  const address = normalAddress(bound.address);
  return { address, port: bound.port, family: familyOf(address) === 6 ? 6 : 4 };
}

/** Refuses `reusePort` where Node would ignore it in silence. */
function checkReusePort(target: ListenTarget, asked: Subject): void {
  const isForPort = "port" in target;
  if (isForPort && hasReusePort()) return;
  const reason = isForPort ? "reusePort needs Node 22.12 or later" : "reusePort is for ports only";
  throw refused("listen", asked, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", reason);
}

/** Refuses what Node 20 gets wrong: it pads a name of the abstract namespace with NULs, so that no client finds it. */
function checkAbstractName(path: string, asked: Subject): void {
  const [major = 0] = nodeVersion();
  if (!path.startsWith("\0") || major >= 22) return;
  const reason = "a name in the abstract namespace needs Node 22 or later";
  throw refused("listen", asked, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", reason);
}

function hasReusePort(): boolean {
  const [major = 0, minor = 0] = nodeVersion();
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}

function nodeVersion(): number[] {
  return process.versions.node.split(".").map(Number);
}
