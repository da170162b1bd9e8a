import type { ConnectionOptions as ConnectionTlsOptions } from "node:tls";
import type { URL } from "node:url";
import {
  checkHost,
  checkLiteral,
  endpointForm,
  familyOf,
  normalAddress,
  partsOf,
} from "../address/endpoint.js";
import type { AddressInfo } from "../address/endpoint.js";
import { LOOKUP_CHECKS, type LookupOptions } from "../address/resolve.js";
import { checkPort, portOf } from "../address/services.js";
import { checkBoolean, checkTimeout, wrongType, wrongValue } from "./checks.js";
import { CONNECTION, ENDS_APART, type ConnectionOptions } from "./connection.js";
import { copyOfKeepAlive } from "./keep-alive.js";
import { OPERATION, type OperationOptions } from "./operation.js";
import { checkProxyHeader, copyOfProxyHeader, type ProxyHeader } from "./proxy.js";
import { checkedOptions, schemaOf, type Complete } from "./schema.js";
import { checkClientTls } from "./tls.js";
import { IN_TLS } from "./tls-names.js";

/** How to connect. */
export interface ConnectOptions extends ConnectionOptions, OperationOptions {
  /**
   * Most milliseconds for the name lookup, all attempts and the TLS handshake together. `Infinity`: as long as the system tries. `0`: no
   * connect can succeed.
   *
   * @default the parameter `connectTimeout`, Infinity
   * @example await connect("example.com", 80, { timeout: 10_000 });
   */
  timeout?: number | undefined;
  /**
   * `4` or `6`: only addresses of that family are tried. `0`: those of both. An IPv4 address that is mapped into IPv6,
   * `::ffff:1.2.3.4`, is of family 4.
   *
   * @default 0
   * @example await connect("example.com", 80, { family: 4 });
   */
  family?: 0 | 4 | 6 | undefined;
  /**
   * A function of the shape of `dns.lookup`, called in its place. It answers with all addresses or with one.
   *
   * @default dns.lookup
   * @example await connect("example.com", 80, { lookup: new CacheableLookup().lookup });
   */
  lookup?: LookupOptions["lookup"];
  /**
   * Milliseconds until the next address is tried beside the ones before it, 10 at the least. `Infinity`: the next one is
   * tried only when the last has failed.
   *
   * @default 250, as RFC 8305 recommends
   * @example await connect("example.com", 80, { attemptDelay: 100 });
   */
  attemptDelay?: number | undefined;
  /**
   * Most milliseconds for the attempt at each address. `Infinity`: as long as the system tries. `0`: no attempt can
   * succeed.
   *
   * @default the parameter `attemptTimeout`, Infinity
   * @example await connect("example.com", 80, { attemptTimeout: 3_000 });
   */
  attemptTimeout?: number | undefined;
  /**
   * A literal address of this machine to connect from. Addresses of the other family are not tried.
   *
   * @default the system chooses
   * @example await connect("example.com", 80, { localAddress: "192.0.2.7" });
   */
  localAddress?: string | undefined;
  /**
   * The port to connect from. Addresses are then tried one after the other, since a port serves one attempt at a time.
   * `0`: any free port.
   *
   * @default the system chooses
   * @example await connect("example.com", 80, { localPort: 5_000 });
   */
  localPort?: number | undefined;
  /**
   * TLS: `true`, or the options of Node's `tls.connect`, such as `ca`, `cert` and `key`, `ALPNProtocols`, `servername`.
   * Files are given by their contents.
   *
   * The certificate of the server has to be signed by an authority that is trusted (`ca`, or else Node's own), and be for
   * the host, or for the `servername`. A literal address is not sent as a server name (RFC 6066, section 3), but the
   * certificate has to be for it. Where there is no host, over a Unix socket and with `connectTo`, a `servername`, a
   * `checkServerIdentity` or `rejectUnauthorized: false` has to be given. Calls with the same object share its secure
   * context and resume sessions, as long as the object is not changed: keep it.
   *
   * @default no TLS, except for a `tls:` URL
   * @example await connect("example.com", 443, { tls: true });
   * @example await connect("db.internal", 5_433, { tls: { ca: await readFile("ca.pem") } });
   */
  tls?: true | ConnectionTlsOptions | undefined;
  /**
   * A PROXY header (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt) to be sent first, before TLS and before all
   * that the program writes: to a server that expects one, it says whom this connection relays. `"local"`: it relays no client,
   * as a health check. The deadline of the call bounds the sending. `bytesWritten` does not count the header.
   *
   * @default no header
   * @example
   * const { remoteAddress, remotePort, localAddress, localPort } = client;
   * const ends = { sourceAddress: remoteAddress, sourcePort: remotePort, destinationAddress: localAddress, destinationPort: localPort };
   * await connect("app.internal", 8_080, { proxyHeader: { version: 2, ...ends } });
   */
  proxyHeader?: ProxyHeader | undefined;
}

/** How to connect a Duplex. */
export interface ConnectDuplexOptions extends ConnectOptions {
  /**
   * Whether the Duplex stays open for writing when the end of the peer's stream is read from it. `false`: it ends its own
   * side then, as a `net.Socket` does.
   *
   * @default false
   * @example connectDuplex("example.com", 80, { allowHalfOpen: true });
   */
  allowHalfOpen?: boolean | undefined;
  /**
   * Most milliseconds that a read waits for more bytes. `Infinity`: forever, as a `net.Socket` waits. `0`: a read takes what
   * is here and never waits. When time runs out, the Duplex is destroyed with a `NetTimeoutError`.
   *
   * @default Infinity
   * @example connectDuplex("example.com", 80, { readTimeout: 5_000 });
   */
  readTimeout?: number | undefined;
}

/**
 * Where to connect to: a host and a port or service, or the path of a Unix socket.
 *
 * Of a `URL`, the host and the port count, or else the port of the service that its protocol names: 443 for `https:`, 6379
 * for `redis:`. Its user, password, path, query and hash are ignored. A `tls:` URL implies TLS, no other protocol does.
 */
export type ConnectEndpoint =
  | string
  | URL
  | {
      /** A name or a literal address, IPv6 without brackets. */
      readonly host: string;
      /** A port from 1 to 65535, or the name of a service such as `"https"`. */
      readonly port: number | string;
    }
  | {
      /** The path of a Unix socket, or of a Windows pipe. */
      readonly path: string;
    };

const IN_ENDPOINT = "it is part of the endpoint, the first argument";

const CONNECT = schemaOf<ConnectOptions>(
  {
    ...OPERATION.checks,
    ...CONNECTION.checks,
    family: LOOKUP_CHECKS.family,
    lookup: LOOKUP_CHECKS.lookup,
    attemptDelay: checkTimeout,
    attemptTimeout: checkTimeout,
    localAddress: checkLiteral,
    localPort: checkPort,
    // Called by their names, by which what few programs need is loaded late.
    tls: (name, value) => checkClientTls(name, value),
    proxyHeader: (name, value) => checkProxyHeader(name, value),
  },
  {
    ...OPERATION,
    elsewhere: {
      ...IN_TLS,
      host: IN_ENDPOINT,
      port: IN_ENDPOINT,
      path: IN_ENDPOINT,
      allowHalfOpen: ENDS_APART,
      proxyProtocol: "it is an option of listen; a header to be sent is { proxyHeader }",
      handshakeTimeout: "it is an option of listen; timeout bounds the handshake, too",
    },
  },
);

const CONNECT_DUPLEX = schemaOf<ConnectDuplexOptions>(
  { ...CONNECT.checks, allowHalfOpen: checkBoolean },
  CONNECT,
);

const ENDPOINT = endpointForm<{ host: unknown; port: unknown; path: unknown }>(
  { host: true, port: true, path: true },
  {
    forms: "a string, a URL, { host, port } or { path }",
    either: "either { host, port } or { path }",
    elsewhere: { ...IN_TLS, address: "addresses are for connectTo" },
  },
  CONNECT,
);

/** The target of a connect; `tls`: its URL asks for TLS. */
export type ConnectTarget = { host: string; port: number; tls: boolean } | { path: string };

/** The target of a connect. */
export function connectTarget(to: ConnectEndpoint): ConnectTarget {
  const parts = partsOf(to, ENDPOINT);
  if (!("host" in parts)) return parts as { path: string };
  const { host, port, tls = false } = parts;
  if (typeof host === "number") throw wrongType("host", "a string, given before the port", host);
  checkHost("host", host);
  return { host, port: portOf(port as number | string, host, 1), tls };
}

/** Addresses to connect to, checked, IPv4 also where IPv6 maps it. */
export function checkedAddresses(addresses: unknown): AddressInfo[] {
  if (!Array.isArray(addresses)) throw wrongType("addresses", "an array of addresses", addresses);
  if (addresses.length === 0) throw wrongValue("addresses", "one address or more", addresses);
  // A copy, which has no holes.
  return [...(addresses as unknown[])].map((candidate) => {
    const { address: given, port } = (candidate ?? {}) as Partial<AddressInfo>;
    const address = typeof given === "string" ? normalAddress(given) : "";
    const family = familyOf(address);
    if (family === 0)
      throw wrongValue("addresses", "literal addresses with ports, { address, port }", candidate);
    return { address, family, port: portOf(port as number, undefined, 1) };
  });
}

/** The options as they are at the call, checked. */
export function checkedConnectOptions(given: ConnectOptions | undefined): Complete<ConnectOptions> {
  return normal(checkedOptions(given, CONNECT, copyOf));
}

/** The options of a Duplex as they are at the call, checked. */
export function checkedConnectDuplexOptions(
  given: ConnectDuplexOptions | undefined,
): Complete<ConnectDuplexOptions> {
  const copy = (options: ConnectDuplexOptions) => {
    const { allowHalfOpen } = options;
    return { ...copyOf(options), allowHalfOpen };
  };
  const options = normal(checkedOptions(given, CONNECT_DUPLEX, copy));
  options.readTimeout ??= Infinity;
  return options;
}

function normal<T extends ConnectOptions>(options: T): T {
  const { localAddress } = options;
  if (localAddress !== undefined) options.localAddress = normalAddress(localAddress);
  return options;
}

/**
 * One literal: an object put together property by property, with a hidden class for each, would cost half as much as all
 * else that a connect does outside the kernel.
 */
function copyOf(given: ConnectOptions): Complete<ConnectOptions> {
  const { readTimeout, writeTimeout, lingerTimeout, bufferSize, autoCork, readAhead } = given;
  const { noDelay, keepAlive, closeOn, allowTruncation } = given;
  const { timeout, signal, family, lookup } = given;
  const { attemptDelay, attemptTimeout, localAddress, localPort, tls, proxyHeader } = given;
  return {
    readTimeout,
    writeTimeout,
    lingerTimeout,
    bufferSize,
    autoCork,
    readAhead,
    noDelay,
    keepAlive: copyOfKeepAlive(keepAlive),
    closeOn,
    allowTruncation,
    timeout,
    signal,
    family,
    lookup,
    attemptDelay,
    attemptTimeout,
    localAddress,
    localPort,
    tls,
    proxyHeader: proxyHeader && copyOfProxyHeader(proxyHeader),
  };
}
