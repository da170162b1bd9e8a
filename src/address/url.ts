import type { URL } from "node:url";
import { wrongType, wrongValue } from "../options/checks.js";

/** Services of protocols that the registries of services do not have by the protocol's name. */
const SERVICES: ReadonlyMap<string, string> = new Map([
  ["ws", "http"],
  ["wss", "https"],
  ["postgres", "postgresql"],
]);

/**
 * The host and the port of a URL, or the service that its protocol names, since the URL standard drops a port that is the
 * protocol's own. All else of the URL is ignored, and no error repeats it: the URL may hold a password.
 *
 * The host may still be none: in protocols other than the web's it is nearly any text, percent-encoded.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE`, `ERR_INVALID_ARG_TYPE`
 */
export function partsOfUrl(url: URL): { host: string; port: string; tls: boolean } {
  const { protocol, hostname, port } = fieldsOf(url);
  const scheme = protocol.slice(0, -1);
  const host = hostOf(hostname);
  if (host === "" || scheme === "file" || scheme === "unix") {
    throw wrongValue("endpoint", "a URL with a host and a port (a Unix socket is { path })", url);
  }
  if (host === undefined) throw wrongValue("endpoint", "a URL whose host is UTF-8", url);
  // Never plaintext where TLS is asked for.
  return { host, port: port === "" ? (SERVICES.get(scheme) ?? scheme) : port, tls: scheme === "tls" };
}

/** The fields of a URL. A proxy of one has none, nor has an object that only calls itself so. */
function fieldsOf(url: URL): Pick<URL, "protocol" | "hostname" | "port"> {
  try {
    const { protocol, hostname, port } = url;
    if ([protocol, hostname, port].every((field) => typeof field === "string")) {
      return { protocol, hostname, port };
    }
  } catch {
    // The getters of URL throw for any other object.
  }
  throw wrongType("endpoint", "a URL, and not an object like one", url);
}

/** Without the brackets of an IPv6 address, and decoded; `undefined` if it cannot be decoded. */
function hostOf(hostname: string): string | undefined {
  try {
    return decodeURIComponent(hostname.replace(/^\[(.*)\]$/, "$1"));
  } catch {
    return undefined;
  }
}
