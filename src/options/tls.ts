/** The options of TLS. They are Node's own; those that name what this library decides itself are refused. */
import { Buffer } from "node:buffer";
import type { ConnectionOptions, TlsOptions } from "node:tls";
import { isAnyArrayBuffer, isPromise, isUint8Array } from "node:util/types";
import {
  checkBoolean,
  checkFunction,
  checkSize,
  checkString,
  isSignal,
  outOfRange,
  unknownName,
  wrongType,
  wrongValue,
  type Check,
} from "./checks.js";
import { nearest } from "./nearest.js";

/** Options of both ends, as Node's releases know them. */
const COMMON = [
  ...["ALPNProtocols", "allowPartialTrustChain", "ca", "cert", "certificateCompression", "ciphers"],
  ...["clientCertEngine", "crl", "dhparam", "ecdhCurve", "enableTrace", "highWaterMark", "honorCipherOrder"],
  ...["key", "maxVersion", "minVersion", "passphrase", "pfx", "privateKeyEngine", "privateKeyIdentifier"],
  ...["pskCallback", "rejectUnauthorized", "requestCert", "secureContext", "secureOptions", "secureProtocol"],
  ...["sessionIdContext", "sessionTimeout", "sigalgs", "ticketKeys"],
];

const CLIENT = [...COMMON, "checkServerIdentity", "minDHSize", "requestOCSP", "servername", "session"];
const SERVER = [...COMMON, "ALPNCallback", "SNICallback", "pskIdentityHint"];

/** Where a name belongs that is an option of Node's `tls.connect`, `tls.createServer` or of a socket. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  allowHalfOpen: "the two sides of a connection always end apart",
  handshakeTimeout: "it is an option of listen",
  host: "it is part of the endpoint (the name that a certificate is for is servername)",
  keepAlive: "it is an option beside tls",
  lookup: "it is an option beside tls",
  noDelay: "it is an option beside tls",
  onread: "a connection is read by its own methods",
  path: "it is part of the endpoint",
  port: "it is part of the endpoint",
  signal: "it is an option beside tls",
  socket: "connection.startTls() begins TLS on a connection that is there",
  timeout: "it is an option beside tls",
};

const CHECKS: Readonly<Record<string, Check>> = {
  ALPNCallback: checkFunction,
  ALPNProtocols: checkProtocols,
  SNICallback: checkFunction,
  ca: checkAuthorities,
  checkServerIdentity: checkFunction,
  highWaterMark: checkSize,
  minDHSize: (name, value) => {
    checkSize(name, value);
    if (value === 0) throw outOfRange(name, "1 or more bits", value);
  },
  rejectUnauthorized: checkBoolean,
  requestCert: checkBoolean,
  servername: checkString,
  session: (name, value) => {
    if (!isUint8Array(value)) throw wrongType(name, "the Buffer of a 'session' event", value);
  },
};

/** What `connect` takes for TLS. */
export const checkClientTls: Check = (name, value) => {
  if (value === true) return;
  checkTls(name, value, CLIENT, `true or an object of options for tls.connect`);
};

/** What `listen` takes for TLS. */
export const checkServerTls: Check = (name, value) => {
  checkTls(name, value, SERVER, "an object of options for tls.createServer, { key, cert } at least");
};

/** The options of `startTls`, beside its own. */
export function checkStartTls(given: ConnectionOptions | TlsOptions, isServer: boolean): void {
  checkTls("options", given, isServer ? SERVER : CLIENT, "an object of options");
}

/** Node ignores what is not PEM, and then trusts no certificate. */
function checkAuthorities(name: string, value: unknown): void {
  for (const part of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
    const isText = typeof part === "string";
    if (!isText && !isUint8Array(part)) continue;
    const bytes = isText ? part : Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    if (bytes.length === 0 || bytes.includes("-----BEGIN ")) continue;
    throw wrongValue(name, "certificates in PEM format (their contents, not a path)", part);
  }
}

/** Node's releases before 24 abort the process for protocols that OpenSSL does not take. */
function checkProtocols(name: string, value: unknown): void {
  if (isUint8Array(value)) {
    if (!isProtocolList(value))
      throw wrongValue(name, "protocols, each behind a byte that has its length", value);
    return;
  }
  if (!Array.isArray(value)) throw wrongType(name, "an array of strings", value);
  for (const protocol of value as readonly unknown[]) {
    if (typeof protocol !== "string") throw wrongType(name, "an array of strings", value);
    const length = Buffer.byteLength(protocol);
    if (length === 0 || length > 255) throw wrongValue(name, "protocols of 1 to 255 bytes", value);
  }
}

/** Whether memory is a list of protocols as a ClientHello has it (RFC 7301, section 3.1). */
function isProtocolList(list: Uint8Array): boolean {
  let at = 0;
  for (let length = list[at]; length !== undefined && length > 0; length = list[at]) at += 1 + length;
  return at === list.length;
}

const VERSIONS: readonly unknown[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/** Of a server nothing else would tell that it takes no client. */
function checkVersions(argument: string, { minVersion, maxVersion }: Record<string, unknown>): void {
  const [least, most] = [VERSIONS.indexOf(minVersion), VERSIONS.indexOf(maxVersion)];
  if (most < 0 || least <= most) return;
  throw wrongValue(`${argument}.minVersion`, `at most the maxVersion, ${String(maxVersion)}`, minVersion);
}

function checkTls(argument: string, value: unknown, names: readonly string[], expected: string): void {
  if (!isOptions(value)) throw wrongType(argument, expected, value);
  const given = value as Record<string, unknown>;
  for (const name in given) {
    if (Object.hasOwn(ELSEWHERE, name)) {
      if (given[name] !== undefined) throw noOption(name, String(ELSEWHERE[name]));
    } else if (!names.includes(name)) {
      refuseMisspelt(name, names);
    } else if (given[name] !== undefined) {
      CHECKS[name]?.(`${argument}.${name}`, given[name]);
    }
  }
  checkVersions(argument, given);
}

/** Whether it may hold options: memory, a list, a signal and the like do not. */
function isOptions(value: unknown): boolean {
  if (typeof value !== "object" || value === null || isAnyArrayBuffer(value) || isPromise(value))
    return false;
  return !ArrayBuffer.isView(value) && !isSignal(value) && !(Symbol.iterator in value);
}

/** Refuses what is nearly the name of an option. Other names are left to Node: it may know more of them than we do. */
function refuseMisspelt(name: string, names: readonly string[]): void {
  const meant = nearest(name, names);
  if (meant !== undefined) throw noOption(name, `did you mean "${meant}"?`);
}

function noOption(name: string, hint: string): TypeError {
  return unknownName(`"${name}"`, "option of tls", `: ${hint}`);
}
