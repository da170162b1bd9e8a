import { readFileSync } from "node:fs";
import type { ConnectionOptions as TlsOptions, TlsOptions as ServerTlsOptions } from "node:tls";
import type { ConnectEndpoint, Connection, ConnectOptions } from "../index.js";
import { UsageError, type Arguments, type Options } from "./arguments.js";
import { visible } from "./terminal.js";

const CONNECT_TIMEOUT_MS = 10_000;

export const FAMILY_OPTIONS = {
  ipv4: { short: "4", says: "IPv4 addresses only" },
  ipv6: { short: "6", says: "IPv6 addresses only" },
} as const satisfies Options;

export const TIMEOUT_OPTION = {
  "connect-timeout": {
    takes: "TIME",
    says: "most time for lookup, race and TLS handshake together; 10s",
  },
} as const satisfies Options;

/** What goes with TLS, however the option for TLS itself is called. */
export const TLS_OPTIONS = {
  servername: { takes: "NAME", says: "TLS: the name to ask for and to find in the certificate; the host" },
  alpn: { takes: "NAMES", says: "TLS: protocols to offer, the best first: h2,http/1.1" },
  ca: { takes: "FILE", says: "TLS: trust the authorities in this file, and no others" },
  cert: { takes: "FILE", says: "TLS: a certificate of our own" },
  key: { takes: "FILE", says: "TLS: its key" },
  insecure: { says: "TLS: take any certificate, from anybody" },
} as const satisfies Options;

/** Where to connect to: a host and a port, or an endpoint in one word, which may be a URL. */
export function endpointOf([first = "", port]: readonly string[]): ConnectEndpoint {
  if (port !== undefined) return { host: first.replace(/^\[(.*)\]$/, "$1"), port };
  return /^[a-z][a-z\d+.-]*:\/\//i.test(first) && URL.canParse(first) ? new URL(first) : first;
}

/** @param tls - the option for TLS */
export function connectOptionsOf(given: Arguments, at: ConnectEndpoint, tls: string): ConnectOptions {
  if (given.has("ipv4") && given.has("ipv6")) throw new UsageError("-4 and -6 leave no address");
  const isSecure = given.has(tls) || (at instanceof URL && at.protocol === "tls:");
  const stray = Object.keys(TLS_OPTIONS).find((name) => given.has(name));
  if (!isSecure && stray !== undefined) throw new UsageError(`--${stray} is for TLS: add --${tls}`);
  return {
    timeout: given.time("connect-timeout") ?? CONNECT_TIMEOUT_MS,
    family: given.has("ipv4") ? 4 : given.has("ipv6") ? 6 : 0,
    ...(isSecure ? { tls: tlsOptionsOf(given) } : {}),
    // Bytes are passed on as they come; how long that may take is said by --timeout.
    readTimeout: Infinity,
    writeTimeout: Infinity,
  };
}

function tlsOptionsOf(given: Arguments): TlsOptions {
  const [servername, alpn] = [given.text("servername"), given.text("alpn")];
  const [ca, cert, key] = ["ca", "cert", "key"].map((name) => given.text(name));
  if ((cert === undefined) !== (key === undefined)) throw new UsageError("--cert and --key go together");
  return {
    ...(servername === undefined ? {} : { servername }),
    ...(alpn === undefined ? {} : { ALPNProtocols: alpn.split(",") }),
    ...(ca === undefined ? {} : { ca: contentsOf(ca) }),
    ...(cert === undefined || key === undefined ? {} : { cert: contentsOf(cert), key: contentsOf(key) }),
    ...(given.has("insecure") ? { rejectUnauthorized: false } : {}),
  };
}

/** The certificate and key of a server, which `--tls CERT KEY` names. */
export function serverTlsOf(given: Arguments): ServerTlsOptions | undefined {
  const files = given.pair("tls");
  return files && { cert: contentsOf(files[0]), key: contentsOf(files[1]) };
}

function contentsOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? "unknown"}`);
  }
}

/** The other end, for people: `"127.0.0.1:80"`. */
export function peerOf(connection: Connection): string {
  const { remoteAddress = "", remotePort } = connection;
  if (remotePort === undefined) return connection.toString();
  return `${remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress}:${String(remotePort)}`;
}

/** What the TLS handshake has agreed on, in brackets, or nothing. */
export function securityOf({ tls }: Connection): string {
  if (tls === undefined) return "";
  const { protocol, alpnProtocol, authorizationError } = tls;
  const doubt = authorizationError === undefined ? undefined : `not trusted: ${authorizationError}`;
  const facts = [protocol, alpnProtocol, doubt].filter((fact) => fact !== undefined);
  return ` (${visible(facts.join(", "))})`;
}
