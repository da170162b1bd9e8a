import type { BlockList } from "node:net";
import type { TlsOptions } from "node:tls";
import type { URL } from "node:url";
import { checkHost, endpointForm, isEndpoint, partsOf, type EndpointParts } from "../address/endpoint.js";
import { portOf } from "../address/services.js";
import {
  checkBlockList,
  checkBoolean,
  checkLimit,
  checkSignal,
  checkSize,
  checkTimeout,
  outOfRange,
  wrongType,
  wrongValue,
} from "./checks.js";
import { CONNECTION, ENDS_APART, copyOfConnectionOptions, type ConnectionOptions } from "./connection.js";
import { checkedOptions, schemaOf, type Complete } from "./schema.js";
import { getParameters } from "../parameters.js";
import { checkProxyProtocol, copyOfProxyProtocol, type ProxyProtocol } from "./proxy.js";
import { checkServerTls } from "./tls.js";
import { IN_TLS } from "./tls-names.js";

/** The largest `int` of C, which is what listen(2) takes. */
const MAX_BACKLOG = 2 ** 31 - 1;

/** Reading, writing and executing for all; sockets make no use of the bits above. */
const MAX_MODE = 0o777;

/** How to listen. Each connection that is accepted captures the options of connections. */
export interface ListenOptions extends ConnectionOptions {
  /**
   * The literal address to listen on, or a name: every address of the name is listened on, on one port, by one listener.
   *
   * @default all addresses of this machine
   * @example await listen(8_080, { host: "127.0.0.1" });
   */
  host?: string | undefined;
  /**
   * Most clients that may wait to be accepted: in the kernel, at each address, and as many again in this process. `0`: a
   * client is turned away unless a call to `accept()` waits for one.
   *
   * @default 511
   * @example await listen(8_080, { backlog: 4_096 });
   */
  backlog?: number | undefined;
  /**
   * Most connections that may be open at a time, accepted or not: those that wait, those in their TLS handshake, those that
   * were accepted, and those that were detached, until their sockets close. A client that comes when so many are open is
   * reset, before anything is read, and counted in `stats.refused.maxConnections`; at a Unix socket it gets an end of stream
   * instead, since such a socket cannot be reset. Give less than the descriptors that the process may have. `0`: no client.
   *
   * @default Infinity
   * @example await listen(8_080, { maxConnections: 10_000 });
   */
  maxConnections?: number | undefined;
  /**
   * Clients whose address is on this list (https://nodejs.org/api/net.html#class-netblocklist) are reset before anything is
   * read, and counted in `stats.refused.blocked`. An IPv4 client is looked for by its IPv4 address, also where it has
   * connected to an IPv6 socket. What is added to the list later is in force at once. The clients of a Unix socket have no
   * address, so none is blocked. A client for which the `check` of a list of your own throws is blocked as
   * well, with what was thrown as the `cause` in `tcp6:listener:refused`.
   *
   * @default no client is blocked
   * @example
   * const blockList = new BlockList();
   * blockList.addSubnet("192.0.2.0", 24);
   * await listen(8_080, { blockList });
   */
  blockList?: BlockList | undefined;
  /**
   * Whether a listener on an IPv6 address takes IPv6 clients only. Without a `host`, it then listens on `0.0.0.0`.
   *
   * @default the parameter `ipv6Only`, false
   * @example await listen(8_080, { host: "::", ipv6Only: true });
   */
  ipv6Only?: boolean | undefined;
  /**
   * Lets several processes listen on the same port (SO_REUSEPORT): the kernel shares the clients out among them. Node
   * has it since 22.12.
   *
   * @default false
   * @example await listen(8_080, { reusePort: true });
   */
  reusePort?: boolean | undefined;
  /**
   * The permissions of a Unix socket's file, exactly these, from 0 to 0o777, whatever the umask is. A user who may write to the
   * file may connect. At no moment can others connect: the socket has its mode before it gets its path. For this `listen`
   * makes a directory beside the path, whose name begins with a dot, and removes it; a path that leaves no room for its name is
   * a RangeError.
   *
   * A TypeError where there is no file: for a port, a descriptor, a name in the abstract namespace. In a worker of
   * `node:cluster` the primary makes the socket, so the call rejects with `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM`: there the
   * umask of the primary says who may connect.
   *
   * @default 0o777 without the bits of the process's umask, which is 0o755 in most processes
   * @example await listen("/run/app.sock", { mode: 0o660 });
   */
  mode?: number | undefined;
  /**
   * Takes over the path of a Unix socket that a crash has left behind: the file is a socket, and the system refuses
   * connections to it (`ECONNREFUSED`). Any other file stays, and is `EADDRINUSE`. So is a server that is alive, which sees a
   * client that leaves at once.
   *
   * Processes that try at the same time take turns, so that one of them gets the path: they hold a lock, a socket with the
   * name of the path and `.lock`, which is stale when its process has died. Not kept away are programs that bind or
   * remove the path without this option at that very moment, and other machines that share the directory.
   *
   * It does nothing where no file can be left behind: for a port, a descriptor, a name in the abstract namespace. A path that
   * leaves no room for the name of the lock is a RangeError.
   *
   * @default false: a file at the path is `EADDRINUSE`
   * @example await listen("/run/app.sock", { unlinkStale: true });
   */
  unlinkStale?: boolean | undefined;
  /**
   * Most milliseconds that `accept()` waits for a client. `Infinity`: forever. `0`: it takes only a client that is here.
   * `for await` loops ignore it.
   *
   * @default the parameter `acceptTimeout`, Infinity
   * @example await listen(8_080, { acceptTimeout: 60_000 });
   */
  acceptTimeout?: number | undefined;
  /**
   * Closes the listener when it is aborted, as `close()` does, at any time until the listener is closed. A `listen` that is
   * under way, or that is called with a signal that was aborted before, rejects with the signal's reason and leaves nothing
   * listening. Each connection that was accepted has this signal as well, so the abort resets them all. To stop listening
   * while connections go on, give no `closeOn`: call `close()` when your signal is aborted.
   *
   * @default nothing but the program closes the listener
   * @example await listen(8_080, { closeOn: shutdown.signal });
   * @example
   * const listener = await listen(8_080);
   * shutdown.signal.addEventListener("abort", () => void listener.close());
   */
  closeOn?: AbortSignal | undefined;
  /**
   * Cancels the call to `listen`, and nothing after it.
   *
   * @example await listen(8_080, { signal });
   */
  signal?: AbortSignal | undefined;
  /**
   * TLS: the options of Node's `tls.createServer` (https://nodejs.org/api/tls.html), `key` and `cert` at least. A client is
   * accepted when its handshake is done; the handshakes run beside each other, and count for the `backlog`. A client whose
   * handshake fails is refused: `stats.refused.handshake` counts it, and the channel `tcp6:listener:refused` has the error.
   *
   * With `requestCert`, a client is accepted only if its certificate is trusted, unless `rejectUnauthorized` is false. A
   * function among the options that throws fails the handshake of the client that it was called for, and so does an
   * `SNICallback` that rejects. The call to `listen` rejects with a `NetError` of operation `"tls"` for a key, a certificate,
   * a cipher or a version that OpenSSL does not take.
   *
   * @default no TLS
   * @example await listen(8_443, { tls: { key, cert } });
   */
  tls?: TlsOptions | undefined;
  /**
   * Whether clients begin with a PROXY header (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt), version 1 or 2, by
   * which a balancer says whom it relays. The header comes first, also with TLS. `remoteAddress` and `remotePort` of the
   * connection are the client's then, those of its `socket` remain the balancer's, and {@link Connection.proxy} has all of
   * the header. A `blockList` is asked for both addresses.
   *
   * `"require"`: every client does. One that sends no header, a wrong one or too long a one, or takes longer than
   * `handshakeTimeout`, is reset, and counted in `stats.refused.handshake`: error `ERR_PROXY_PROTOCOL` or `ETIMEDOUT`. Let
   * only balancers connect, since any client can write any address into a header.
   *
   * `{ trust }`: those on the list do, and the header of no other is read: a client that is not on the list is taken as it is,
   * at once. What is added to the list later is in force at once. The clients of a Unix socket have no address, so they are
   * on no list: give `"require"`.
   *
   * @default "off"
   * @example await listen(8_080, { proxyProtocol: "require" });
   */
  proxyProtocol?: ProxyProtocol | undefined;
  /**
   * Most milliseconds from the arrival of a client until its PROXY header is read and its handshake is done, also if it waits
   * for an `SNICallback`. A client that takes longer is reset, and counted in `stats.refused.handshake`. `Infinity`: no bound,
   * so that silent clients fill the backlog. `0`: no client can arrive. It has no effect without TLS and `proxyProtocol`.
   *
   * @default 10_000
   * @example await listen(8_443, { tls: { key, cert }, handshakeTimeout: 5_000 });
   */
  handshakeTimeout?: number | undefined;
}

/**
 * Where to listen: a port or service, a host and a port or service, the path of a Unix socket, or a descriptor that
 * listens already, such as those of `listenFds`; its `name` is ignored. Text with a colon is `"host:port"`, text that begins like a path is one, any other is a service.
 *
 * Of a `URL`, the host and the port count, or else the port of the service that its protocol names: 443 for `https:`. The
 * rest of it is ignored. A `tls:` URL needs the option `tls`.
 */
export type ListenEndpoint =
  | number
  | string
  | URL
  | {
      /** A port from 0 to 65535, or the name of a service such as `"https"`. `0`: any free port. */
      readonly port: number | string;
      /** A name or a literal address; the option `host` where there is none here. */
      readonly host?: string | undefined;
    }
  | {
      /** The path of a Unix socket, or of a Windows pipe. */
      readonly path: string;
    }
  | {
      /** The number of a descriptor of this process that listens. */
      readonly fd: number;
      /** Ignored: an element of `listenFds()` has it. */
      readonly name?: string | undefined;
    };

export type ListenTarget = { host: string | undefined; port: number } | { path: string } | { fd: number };

const IN_ENDPOINT = "it is part of the endpoint, the first argument";

const LISTEN = schemaOf<ListenOptions>(
  {
    ...CONNECTION.checks,
    host: checkHost,
    backlog: (name, value) => checkSize(name, value, MAX_BACKLOG),
    maxConnections: checkLimit,
    blockList: checkBlockList,
    ipv6Only: checkBoolean,
    reusePort: checkBoolean,
    mode: checkMode,
    unlinkStale: checkBoolean,
    acceptTimeout: checkTimeout,
    signal: checkSignal,
    // Called by their names, by which what few programs need is loaded late.
    tls: (name, value) => checkServerTls(name, value),
    proxyProtocol: (name, value) => checkProxyProtocol(name, value),
    handshakeTimeout: checkTimeout,
  },
  {
    elsewhere: {
      ...IN_TLS,
      port: IN_ENDPOINT,
      path: IN_ENDPOINT,
      allowHalfOpen: ENDS_APART,
      proxyHeader: "it is an option of connect; to read headers is { proxyProtocol }",
      timeout: "listening is not bounded in time, a signal may cancel it",
    },
    insteadOfNumber: "a port is part of the endpoint, a backlog is { backlog }",
    insteadOfText: "a host is { host }",
  },
);

const ENDPOINT = endpointForm<{ port: unknown; host: unknown; path: unknown; fd: unknown; name: unknown }>(
  { port: true, host: true, path: true, fd: true, name: true },
  {
    forms: "a port, a service, a string, a URL, { port, host }, { path } or { fd }",
    either: "one of { port, host }, { path } and { fd }",
    elsewhere: IN_TLS,
  },
  LISTEN,
);

/** Permissions are octal digits, so the bound is shown in them. */
function checkMode(name: string, value: unknown): void {
  if (typeof value !== "number") throw wrongType(name, "a number such as 0o660", value);
  const isMode = Number.isInteger(value) && value >= 0 && value <= MAX_MODE;
  if (!isMode) throw outOfRange(name, "a whole number from 0 to 0o777", value);
}

/** The options as they are at the call, checked, with the parameter `ipv6Only` where they have none. */
export function checkedListenOptions(given: ListenOptions): Complete<ListenOptions> {
  return checkedOptions(given, LISTEN, copyOf);
}

function copyOf(given: ListenOptions): Complete<ListenOptions> {
  const { host, backlog, ipv6Only = getParameters().ipv6Only, reusePort, acceptTimeout, signal } = given;
  const { mode, unlinkStale } = given;
  const { tls, proxyProtocol, handshakeTimeout, maxConnections, blockList } = given;
  const ofConnections = copyOfConnectionOptions(given);
  return {
    ...ofConnections,
    host,
    backlog,
    maxConnections,
    blockList,
    ipv6Only,
    reusePort,
    mode,
    unlinkStale,
    acceptTimeout,
    signal,
    tls,
    proxyProtocol: proxyProtocol && copyOfProxyProtocol(proxyProtocol),
    handshakeTimeout,
  };
}

/** The target of a listen. */
export function listenTarget(at: ListenEndpoint, options: ListenOptions): ListenTarget {
  const isService = typeof at === "number" || (typeof at === "string" && !isEndpoint(at));
  const parts: EndpointParts = isService ? { host: undefined, port: at } : partsOf(at, ENDPOINT);
  if (!("host" in parts)) return parts;
  if (parts.tls === true && options.tls === undefined) {
    throw wrongValue("tls", "given, with key and cert at least, for a tls: URL", options.tls);
  }
  const { host = options.host, port } = parts;
  if (host === undefined) return { host, port: portOf(port as number | string) };
  checkHost("host", host);
  return { host, port: portOf(port as number | string, host) };
}
