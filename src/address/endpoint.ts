import { Buffer } from "node:buffer";
import process from "node:process";
import { isIP, isIPv4 } from "node:net";
import { checkSize, checkString, isUrl, outOfRange, wrongType, wrongValue } from "../options/checks.js";
import { refuseUnknown, type Names } from "../options/schema.js";
import { partsOfUrl } from "./url.js";

/** One address to connect to: what `resolve` yields and `connectTo` takes. */
export interface AddressInfo {
  /** A literal; the zone of a link-local one is part of it: `"fe80::1%eth0"`. */
  address: string;
  /** The port, from 0 to 65535. */
  port: number;
  /** The family of the address; `connectTo` goes by the address alone. */
  family: 4 | 6;
}

/** How the path of a Unix socket begins: absolute, relative, in Linux's abstract namespace, a Windows pipe. */
const PATH = /^(?:\/|\.{1,2}\/|\0|\\\\)/;
const BRACKETED = /^\[([^[\]]*)\]:(.*)$/s;
/** At most one colon: in an IPv6 address without brackets, nothing shows where the port begins. */
const PLAIN = /^([^:]*):([^:]*)$/;
/** What fits into `sun_path` (unix(7)), with the NUL at its end; pipes of Windows have no such bound. */
export const MAX_PATH_BYTES =
  process.platform === "win32" ? Infinity : process.platform === "linux" ? 107 : 103;
/**
 * C libraries cut a name at its first NUL, so a name with a NUL is refused here. Text before an `@` may be a password, and
 * is no part of a name. A name has 255 octets at most (RFC 1035, section 2.3.4).
 */
const WORD = /^[^\s\0/:@[\]]{1,255}$/;
const URL_SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;
/** RFC 4291, section 2.5.5.2, in both notations: the last 32 bits are the IPv4 address. */
const MAPPED = /^(?:::|(?:0{1,4}:){5})ffff:(?:([\d.]+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i;

/**
 * The parts of an endpoint: `"host:port"`, `"[IPv6 address]:port"` (a zone is kept), or the path of a Unix socket.
 *
 * A path begins with `/`, `./` or `../`, with NUL (Linux's abstract namespace), or with `\\` (a Windows pipe); nothing
 * else is taken for one. The port comes back as it was written, a number or the name of a service: `portOf` says which.
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
 */
export function splitEndpoint(text: string): { host: string; port: string } | { path: string } {
  checkString("endpoint", text);
  if (isPath(text)) return { path: text };
  const bracketed = BRACKETED.exec(text);
  const [, host = "", port = ""] = bracketed ?? PLAIN.exec(text) ?? [];
  const isHost = bracketed === null ? WORD.test(host) : familyOf(host) === 6;
  if (!isHost || !isPortText(port)) {
    const forms = '"host:port", "[IPv6 address]:port", or a path that begins with "/", "./" or "../"';
    throw wrongValue("endpoint", forms + faultOf(text), text);
  }
  return { host, port };
}

/** What is probably wrong with text that is no endpoint. */
function faultOf(text: string): string {
  if (URL_SCHEME.test(text)) return ", not the text of a URL: that goes into new URL()";
  if (/^unix:/i.test(text)) return ": a Unix socket is its path alone";
  if (familyOf(text) === 6) return ": an IPv6 address needs brackets";
  return text.includes(":") ? "" : ": the port is missing";
}

/** Whether text begins like the path of a Unix socket: {@link splitEndpoint} takes no other for one. */
export function isPath(text: string): boolean {
  return PATH.test(text);
}

/** Whether text is an endpoint of its own, rather than the name of a service. */
export function isEndpoint(text: string): boolean {
  return text.includes(":") || isPath(text);
}

/** What an endpoint may be for one kind of call, and what its errors say. */
export interface EndpointForm extends Names {
  readonly forms: string;
  /** Which of the parts exclude each other. */
  readonly either: string;
}

/**
 * @param names - of the parts that an endpoint of `T` may have: a table that forgets one does not compile
 * @param options - of the call: where callers give one of them among the parts, the error says where it belongs
 */
export function endpointForm<T>(
  names: { readonly [Name in keyof Required<T>]: true },
  said: { readonly forms: string; readonly either: string; readonly elsewhere?: Names["elsewhere"] },
  options: Names,
): EndpointForm {
  const hint = "it is an option, and belongs into the argument after the endpoint";
  const toOptions = Object.fromEntries(options.names.map((name) => [name, hint]));
  const elsewhere = { ...toOptions, transport: "TCP is the only one", ...said.elsewhere };
  return { ...said, names: Object.keys(names), kind: "part of an endpoint", argument: "endpoint", elsewhere };
}

/** An endpoint by its parts: a path or a descriptor, which are checked, or a host and a port, which are not. */
export type EndpointParts =
  | { readonly path: string }
  | { readonly fd: number }
  | { readonly host: unknown; readonly port: unknown; readonly tls?: boolean };

/** The parts of an endpoint, which is text, a URL, or an object that has those of `form` and no others. */
export function partsOf(endpoint: unknown, form: EndpointForm): EndpointParts {
  if (isUrl(endpoint)) return partsOfUrl(endpoint);
  const given: unknown = typeof endpoint === "string" ? splitEndpoint(endpoint) : endpoint;
  checkParts(given, form);
  const { path, host, port } = given as Record<"path" | "host" | "port", unknown>;
  const { fd, name } = form.names.includes("fd") ? (given as { fd?: unknown; name?: unknown }) : {};
  if (fd === undefined && name !== undefined) throw wrongValue("endpoint", form.either, given);
  if (path === undefined && fd === undefined) return { host, port };
  if (path !== undefined) checkPath("path", path);
  else checkSize("fd", fd);
  if (host !== undefined || port !== undefined || (path !== undefined && fd !== undefined)) {
    throw wrongValue("endpoint", form.either, given);
  }
  return path === undefined ? { fd: fd as number } : { path };
}

function checkParts(value: unknown, form: EndpointForm): asserts value is object {
  if (typeof value !== "object" || value === null) throw wrongType("endpoint", form.forms, value);
  refuseUnknown(value, form);
}

/** `"127.0.0.1:80"`, `"[::1]:80"`: what {@link splitEndpoint} takes. */
export function joinHostPort(address: string, port: number | string): string {
  return address.includes(":") ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
}

/** Characters that would begin a line of their own in a log, or speak to a terminal. */
const CONTROLS = /[\0-\x1f\x7f-\x9f\u2028\u2029]/g;

/** A path as messages name it: with `@` for the NUL of the abstract namespace, as `ss` has it, and control characters escaped. */
export function shownPath(path: string): string {
  const escaped = (one: string): string => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return path.replace(/^\0/, "@").replace(CONTROLS, escaped);
}

/** The IPv4 address inside a mapped one (`"::ffff:1.2.3.4"`, `"::ffff:102:304"`); any other address as it is. */
export function normalAddress(address: string): string {
  if (!address.includes(":")) return address;
  const [mapped, dotted, high = "", low = ""] = MAPPED.exec(address) ?? [];
  if (mapped === undefined) return address;
  if (dotted !== undefined) return isIPv4(dotted) ? dotted : address;
  return [high, low]
    .map((group) => parseInt(group, 16))
    .flatMap((bits) => [bits >> 8, bits & 0xff])
    .join(".");
}

/** The family of a literal address, with or without a zone; 0 for anything else. */
export function familyOf(address: string): 4 | 6 | 0 {
  return isIP(address) as 4 | 6 | 0;
}

/** Whether this can be the port of an endpoint in text: digits, or the name of a service. */
export function isPortText(text: string): boolean {
  return WORD.test(text);
}

/** Whether this can be the name of a host, or is a literal address: no brackets, no port, no user, no NUL, no path. */
export function isHost(text: string): boolean {
  return (WORD.test(text) && !isPath(text)) || familyOf(text) === 6;
}

/** The name of a host, or a literal address. */
export function checkHost(name: string, value: unknown): asserts value is string {
  if (isUrl(value)) throw wrongType(name, "a string (connect and listen take a URL alone)", value);
  checkString(name, value);
  if (isHost(value)) return;
  throw wrongValue(name, "a name or a literal address, without brackets, port and user", value);
}

export function checkLiteral(name: string, value: unknown): asserts value is string {
  checkString(name, value);
  if (familyOf(value) === 0) throw wrongValue(name, "a literal address", value);
}

/** The path of a Unix socket that the system takes whole: some systems cut off in silence what does not fit. */
export function checkPath(name: string, value: unknown): asserts value is string {
  checkString(name, value);
  if (value === "" || value.includes("\0", 1)) throw wrongValue(name, "the path of a socket", value);
  if (Buffer.byteLength(value) > MAX_PATH_BYTES) {
    throw outOfRange(name, `at most ${String(MAX_PATH_BYTES)} bytes long`, value);
  }
}
