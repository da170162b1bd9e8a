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
import { checkCertificate, checkVersions } from "../tls/checks.js";
import { nearest } from "./nearest.js";
import { CLIENT, SERVER, SYNONYMS } from "./tls-names.js";

const BESIDE = "it is an option of connect and listen, beside tls";

/** Where a name belongs that is an option of Node's `tls.connect`, `tls.createServer` or of a socket. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  allowHalfOpen: "the two sides of a connection always end apart",
  allowTruncation: BESIDE,
  autoSelectFamily: "addresses are always raced",
  context: "a context of tls.createSecureContext is given as secureContext",
  family: BESIDE,
  handshakeTimeout:
    "it is an option of listen; the timeout of connect and startTls bounds the handshake, too",
  host: "it is part of the endpoint (the name that a certificate is for is servername)",
  isServer: "connect is the client of a handshake, listen the server, and startTls has this option",
  keepAlive: BESIDE,
  localAddress: BESIDE,
  localPort: BESIDE,
  lookup: BESIDE,
  noDelay: BESIDE,
  onread: "a connection is read by its own methods",
  path: "it is part of the endpoint",
  port: "it is part of the endpoint",
  signal: BESIDE,
  socket: "connection.startTls() begins TLS on a connection that is there",
  timeout: BESIDE,
  tls: "startTls takes the options of TLS themselves",
};

const CHECKS: Readonly<Record<string, Check>> = {
  ALPNCallback: checkFunction,
  ALPNProtocols: checkProtocols,
  SNICallback: checkFunction,
  ca: checkAuthorities,
  cert: checkFile,
  checkServerIdentity: checkFunction,
  enableTrace: checkBoolean,
  highWaterMark: checkSize,
  minDHSize: (name, value) => {
    checkSize(name, value);
    if (value === 0) throw outOfRange(name, "1 or more bits", value);
  },
  key: checkFile,
  pfx: (name, value) => {
    // Node decodes text as UTF-8, which no such file is.
    if (typeof value === "string") throw wrongType(name, "a Buffer: what is in the PKCS #12 file", value);
    checkFile(name, value);
  },
  pskCallback: checkFunction,
  // Node takes no notice of what is no text.
  secureProtocol: checkString,
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
  checkCertificate(name, value as TlsOptions);
};

/** The options of `setTls`: what is left out stays as it was. */
export function checkSetTls(given: TlsOptions): void {
  checkTls("options", given, SERVER, "an object of options");
}

/** The options of `startTls`, beside its own. */
export function checkStartTls(given: ConnectionOptions | TlsOptions, isServer: boolean): void {
  checkTls("options", given, isServer ? SERVER : CLIENT, "an object of options");
  if (isServer) checkCertificate("options", given as TlsOptions);
}

/** Node ignores one without the other: the program would show no certificate. */
function checkPair(argument: string, given: Record<string, unknown>): void {
  const { key, cert, pfx, secureContext, clientCertEngine, privateKeyIdentifier } = given;
  if ([pfx, secureContext, clientCertEngine, privateKeyIdentifier].some((one) => one !== undefined)) return;
  if (key === undefined && mayBePem(cert)) throw wrongValue(`${argument}.key`, "given beside cert", key);
  if (cert === undefined && mayBePem(key)) throw wrongValue(`${argument}.cert`, "given beside key", cert);
}

/** What is not in PEM format is refused by OpenSSL. */
function mayBePem(value: unknown): boolean {
  return value !== undefined && contains(value, "-----BEGIN ") !== false;
}

/** Whether text or memory contains some words; `undefined` for anything else. */
function contains(value: unknown, words: string): boolean | undefined {
  if (typeof value === "string") return value.includes(words);
  if (!ArrayBuffer.isView(value)) return undefined;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).includes(words);
}

/** Refuses what can be no file that was read. What a string or memory holds is left to OpenSSL. */
function checkFile(name: string, value: unknown): void {
  // Of an empty list Node takes nothing, and the program would show no certificate.
  if (Array.isArray(value) && value.length > 0) {
    for (const one of value as readonly unknown[]) checkFile(`${name}[]`, one);
    return;
  }
  if ((typeof value === "string" && value !== "") || (typeof value === "object" && value !== null)) {
    if (!isPromise(value) && !Array.isArray(value)) return;
  }
  throw wrongType(name, "what is in the file, a string or a Buffer, or an array of such", value);
}

/** Node skips whatever is no certificate in PEM format (RFC 7468), such as a path, and then trusts no peer. */
function checkAuthorities(name: string, value: unknown): void {
  if (Array.isArray(value)) {
    for (const one of value as readonly unknown[]) checkAuthorities(`${name}[]`, one);
    return;
  }
  checkFile(name, value);
  if (contains(value, "CERTIFICATE-----") === false) {
    throw wrongValue(name, "certificates in PEM format (their contents, not a path)", value);
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

function checkTls(argument: string, value: unknown, names: readonly string[], expected: string): void {
  if (!isTlsOptions(value)) throw wrongType(argument, expected, value);
  const given = value as Record<string, unknown>;
  for (const name in given) {
    if (Object.hasOwn(ELSEWHERE, name)) {
      if (given[name] !== undefined) throw noOption(name, String(ELSEWHERE[name]));
    } else if (!names.includes(name)) {
      refuseUnknown(name, names);
    } else if (given[name] !== undefined) {
      CHECKS[name]?.(`${argument}.${name}`, given[name]);
    }
  }
  checkVersions(argument, given);
  checkPair(argument, given);
}

/** Whether it may hold options: memory, a list, a signal, a socket, a server and the like do not. */
export function isTlsOptions(value: unknown): boolean {
  if (typeof value !== "object" || value === null || isAnyArrayBuffer(value) || isPromise(value))
    return false;
  if (typeof (value as { on?: unknown }).on === "function") return false;
  return !ArrayBuffer.isView(value) && !isSignal(value) && !(Symbol.iterator in value);
}

/**
 * Refuses what is nearly the name of an option, or its name elsewhere. Other names are left to Node: it may know more of
 * them than we do.
 */
function refuseUnknown(name: string, names: readonly string[]): void {
  if (SERVER.includes(name)) throw noOption(name, "it is for servers");
  if (name === "secureContext")
    throw noOption(name, "it is for clients (an SNICallback may call back with one)");
  // A program may have one object for both ends.
  if (CLIENT.includes(name)) return;
  const meant = SYNONYMS.get(name) ?? nearest(name, names);
  if (meant !== undefined) throw noOption(name, `did you mean "${meant}"?`);
}

function noOption(name: string, hint: string): TypeError {
  return unknownName(`"${name}"`, "option of tls", `: ${hint}`);
}
