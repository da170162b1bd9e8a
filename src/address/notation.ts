import { isUrl, wrongType, wrongValue } from "../options/checks.js";
import {
  checkHost,
  checkPath,
  endpointForm,
  isPath,
  isPortText,
  joinHostPort,
  partsOf,
  splitEndpoint,
} from "./endpoint.js";
import { portOf } from "./services.js";

/** An endpoint by its parts: a host and a port, or the path of a Unix socket. `connect` and `listen` take it. */
export type Endpoint =
  | {
      /** A name or a literal address, without brackets. */
      host: string;
      /** The port, from 0 to 65535. */
      port: number;
    }
  | {
      /** The path of a Unix socket, or of a Windows pipe. */
      path: string;
    };

const FORM = endpointForm<{ host: unknown; port: unknown; path: unknown }>(
  { host: true, port: true, path: true },
  {
    forms: "{ host, port } or { path }",
    either: "either { host, port } or { path }",
    elsewhere: { address: "a literal address is a { host }" },
  },
  { names: [] },
);

/**
 * Returns the parts of an endpoint in text, as `connect` takes it: `{ host, port }` for `"host:port"` and
 * `"[IPv6 address]:port"`, `{ path }` for the path of a Unix socket.
 *
 * The host comes without brackets and with its zone; it is not looked up. The port is a number; for the name of a service
 * it is the port of that service, as `resolve` finds it. A path begins with `/`, `./` or `../`, with NUL (Linux's abstract
 * namespace), or with `\\` (a Windows pipe). What `parseEndpoint` takes is what `connect` would take, and fails in the same
 * way: a program can check its configuration before it connects. Only port 0 is taken here and not by `connect`: `listen`
 * takes it.
 *
 * @example
 * parseEndpoint("[fe80::1%eth0]:https"); // { host: "fe80::1%eth0", port: 443 }
 *
 * @example
 * const endpoint = parseEndpoint(process.argv[2]);
 * const where = "path" in endpoint ? endpoint.path : endpoint.host;
 *
 * @throws TypeError `ERR_INVALID_ARG_TYPE` for what is no string; `ERR_INVALID_ARG_VALUE` for text that is no endpoint:
 *   without a port, an IPv6 address without brackets, the text of a URL
 * @throws RangeError `ERR_SOCKET_BAD_PORT`: the port is above 65535; `ERR_OUT_OF_RANGE`: the path is longer than the
 *   system takes
 * @throws NetError `EAI_SERVICE`: no such service
 */
export function parseEndpoint(text: string): Endpoint {
  const parts = splitEndpoint(text);
  if ("host" in parts) return { host: parts.host, port: portOf(parts.port, parts.host) };
  checkPath("path", parts.path);
  return parts;
}

/**
 * Returns an endpoint as text: `"host:port"`, with an IPv6 address in brackets and its zone kept; or the path of a Unix
 * socket. {@link parseEndpoint}, `connect` and `listen` take that text.
 *
 * `parseEndpoint(formatEndpoint(endpoint))` equals the endpoint, but for two: the name of a service as the port is kept in
 * the text and becomes a number when it is parsed, and a relative path begins with `./` afterwards, without which it would
 * not be taken for a path.
 *
 * @example
 * formatEndpoint({ host: "::1", port: 80 }); // "[::1]:80"
 *
 * @param endpoint - what {@link parseEndpoint} returns; the port may also be digits or the name of a service, which is not
 *   looked up
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for what is no endpoint: parts that are missing, wrong
 *   or do not exist
 * @throws RangeError `ERR_SOCKET_BAD_PORT`, `ERR_OUT_OF_RANGE` as {@link parseEndpoint}
 */
export function formatEndpoint(
  endpoint: { readonly host: string; readonly port: number | string } | { readonly path: string },
): string {
  if (typeof endpoint === "string" || isUrl(endpoint)) throw wrongType("endpoint", FORM.forms, endpoint);
  const parts = partsOf(endpoint, FORM);
  if ("path" in parts) return formatPath(parts.path);
  const { host, port } = parts as { host: unknown; port: number | string };
  checkHost("host", host);
  // A name is not looked up: the text is the same on every machine.
  if (typeof port !== "string" || port === "" || /^-?\d+$/.test(port)) portOf(port, host);
  else if (!isPortText(port)) throw wrongValue("port", "a number or the name of a service", port);
  return joinHostPort(host, port);
}

function formatPath(path: string): string {
  if (isPath(path)) return path;
  const marked = `./${path}`;
  checkPath("path", marked);
  return marked;
}
