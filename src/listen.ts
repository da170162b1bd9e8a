import process from "node:process";
import { Pipeline, type Step } from "./accept/arrival.js";
import { bindAll } from "./accept/bind-all.js";
import { checkDescriptor } from "./accept/descriptors.js";
import { placesOf, subjectAt } from "./accept/places.js";
import { blockStep, proxyStep } from "./accept/proxy-header.js";
import { AcceptQueue } from "./accept/queue.js";
import { tlsStep } from "./accept/handshake.js";
import type { Limits } from "./accept/limits.js";
import { DEFAULT_BACKLOG, Servers, type BoundAddress, type Place } from "./accept/server.js";
import { bindPath, checkPathOptions } from "./accept/unix-socket.js";
import { familyOf, joinHostPort, normalAddress, shownPath } from "./address/endpoint.js";
import { failingInTime } from "./core/timing/budget.js";
import { bounded } from "./core/timing/bounded.js";
import { withEitherSignal } from "./core/timing/either-signal.js";
import { endOn } from "./core/timing/end-on.js";
import { shareTicketKeys } from "./core/transport/server-internals.js";
import { aborted, refused, type Subject } from "./errors.js";
import {
  checkedListenOptions,
  listenTarget,
  type ListenEndpoint,
  type ListenOptions,
  type ListenTarget,
} from "./options/listen.js";
import { TlsServer } from "./tls/server.js";
import { joined, listenerOf, type Listener, type ListenerAddress } from "./listener.js";

/**
 * Resolves to a listener once clients can connect. This is CHICKEN's `tcp-listen`.
 *
 * Without a `host` it listens on all IPv6 and IPv4 addresses, or on those of IPv4 alone where IPv6 is disabled. With
 * `ipv6Only` and no `host` it listens on `0.0.0.0`: CHICKEN's rule, since a caller who names no host expects IPv4 at
 * least.
 *
 * It listens on every address of a name, on one port: with port `0`, one that the system finds free at all of them. Addresses
 * that this machine does not have, or cannot use, are left out; at least one must be left.
 *
 * @example
 * await using listener = await listen("127.0.0.1:8080");
 * for await (const connection of listener) void serve(connection);
 *
 * @param at - a port, `0` for any that is free, or the name of a service; or what `connect` takes: `"127.0.0.1:0"`,
 *   `"[::1]:http-alt"`, `{ host, port }`, a `URL` by its host and its port or protocol (no protocol implies TLS, and
 *   `tls:` needs the option), or the path of a Unix socket, `"/run/app.sock"` or `{ path }`; or `{ fd }`, a descriptor that is
 *   listening already
 * @throws NetError `EADDRINUSE` (at one of the addresses is enough), `EACCES`, `EADDRNOTAVAIL` and others, and nothing is
 *   left listening; of a name of several addresses with what failed at each in `attempts`; with operation `"resolve"` if the
 *   host or the service is not known
 * @throws NetError for `{ fd }`: `EBADF` if no such descriptor is open, `ENOTSOCK` if it is no socket, `EINVAL` if that cannot
 *   listen (Node then closes it), `EEXIST` if this process uses it already, for another listener for example
 * @throws NetError `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM` for `reusePort` before Node 22.12 or without a port, and for a
 *   name in Linux's abstract namespace (`"\0name"`) before Node 22
 * @throws NetError with operation `"tls"` for a key, a certificate, a cipher or a version that OpenSSL does not take
 * @throws what `signal` or `closeOn` was aborted with; nothing is left listening
 * @throws TypeError, RangeError for wrong arguments
 */
export async function listen(at: ListenEndpoint, options: ListenOptions = {}): Promise<Listener> {
  return await failingInTime(() => listening(at, options));
}

async function listening(at: ListenEndpoint, options: ListenOptions): Promise<Listener> {
  options = checkedListenOptions(options);
  const target = listenTarget(at, options);
  const asked = subjectOf(target);
  const { signal, closeOn, reusePort } = options;
  checkPathOptions(target, options, asked);
  if (reusePort === true) checkReusePort(target, asked);
  if ("path" in target) checkAbstractName(target.path, asked);
  if ("fd" in target) checkDescriptor(target.fd, asked);
  const listener = await withEitherSignal(signal, closeOn, (either) =>
    open(target, asked, { ...options, signal: either }),
  );
  if (closeOn !== undefined) {
    endOn(closeOn, () => void listener.close(), listener.closed);
    if (closeOn.aborted) throw aborted("listen", asked, closeOn);
  }
  return listener;
}

async function open(target: ListenTarget, asked: Subject, options: ListenOptions): Promise<Listener> {
  const { signal } = options;
  const tls = options.tls && new TlsServer(options.tls, asked, options.allowTruncation);
  const places = await bounded("listen", asked, { signal }, (stop) => placesOf(target, options, asked, stop));
  const path = "path" in target ? target.path : undefined;
  const { backlog = DEFAULT_BACKLOG, handshakeTimeout } = options;
  const steps = stepsOf(options, tls);
  const newServers = (): Servers => {
    const queue = new AcceptQueue(backlog, path);
    const servers = new Servers(new Pipeline(queue, steps, handshakeTimeout, limitsOf(options)), options);
    if (tls !== undefined) shareTicketKeys(servers.first, tls.server);
    return servers;
  };
  const bind = (at: readonly Place[]): Promise<Servers> => bindAll(at, asked, signal, newServers);
  const servers = await (path === undefined
    ? bind(places)
    : bindPath(path, options, asked, (place) => bind([place])));
  // A Unix socket may have been bound to another name, and moved.
  const bound = path === undefined ? servers.at : [servers.first.address()];
  const addresses = bound.map(addressOf);
  return listenerOf(servers, addresses, boundSubject(asked, addresses), options, tls);
}

/** What each client has to go through before it is accepted. */
function stepsOf({ proxyProtocol = "off", blockList }: ListenOptions, tls: TlsServer | undefined): Step[] {
  const handshake = tls === undefined ? [] : [tlsStep(tls)];
  if (proxyProtocol === "off") return handshake;
  const filter = blockList === undefined ? [] : [blockStep(blockList)];
  return [proxyStep(proxyProtocol), ...filter, ...handshake];
}

/** The limits among the options; `null` if there are none. */
function limitsOf({ maxConnections = Infinity, blockList }: ListenOptions): Limits | null {
  return maxConnections === Infinity && blockList === undefined ? null : { maxConnections, blockList };
}

/** How errors name the place that the caller asked for. */
function subjectOf(target: ListenTarget): Subject {
  if ("path" in target) return { address: target.path, text: shownPath(target.path) };
  if ("fd" in target) return { text: `descriptor ${String(target.fd)}` };
  const { host, port } = target;
  return { host, port, text: joinHostPort(host ?? "*", port) };
}

/** How errors name it once its addresses are known, which a Unix socket has none of. */
function boundSubject(asked: Subject, addresses: readonly ListenerAddress[]): Subject {
  const [first] = addresses;
  if (first === undefined || !("port" in first)) return asked;
  return subjectAt(asked, first.address, first.port, joined(addresses));
}

function addressOf(bound: BoundAddress): ListenerAddress {
  if (bound === null || typeof bound === "string") return Object.freeze({ path: bound ?? "" });
  const address = normalAddress(bound.address);
  return Object.freeze({ address, port: bound.port, family: familyOf(address) === 6 ? 6 : 4 });
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
