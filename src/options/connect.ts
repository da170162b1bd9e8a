import {
  checkParts,
  checkPath,
  familyOf,
  normalAddress,
  parseEndpoint,
  partsOf,
} from "../address/endpoint.js";
import type { AddressInfo } from "../address/endpoint.js";
import { checkHost, checkLookup, type LookupOptions } from "../address/resolve.js";
import { LAST_PORT, portOf } from "../address/services.js";
import { checkSignal, checkSize, checkTimeout, wrongType, wrongValue } from "./checks.js";
import { OPERATION, type OperationOptions } from "./operation.js";
import { checkOptions, refuseUnknown, type Known } from "./schema.js";
import { checkConnectionOptions, CONNECTION_OPTIONS, type ConnectionOptions } from "./connection.js";

/** How to connect. `timeout`: ms for lookup and all attempts together; the parameter `connectTimeout` without it. */
export interface ConnectOptions extends ConnectionOptions, OperationOptions {
  /** `4` or `6`: addresses of that family only; `0`, the default: both. A mapped literal, `::ffff:1.2.3.4`, is of 4. */
  family?: 0 | 4 | 6 | undefined;
  /** Used in place of `dns.lookup`: Node's shape, answering with all addresses or a single one. */
  lookup?: LookupOptions["lookup"];
  /**
   * Ms until the next address is tried beside the ones before: 250 by default (RFC 8305), 10 at the least; `Infinity`:
   * strictly one after the other.
   */
  attemptDelay?: number | undefined;
  /** Most ms for each address; `Infinity` by default. */
  attemptTimeout?: number | undefined;
  /** A literal address of this machine to connect from; addresses of the other family are not tried. */
  localAddress?: string | undefined;
  /** The port to connect from; addresses are then tried one after the other. */
  localPort?: number | undefined;
}

/** Where to connect to: a host and a port or service, or the path of a Unix socket. */
export type ConnectEndpoint =
  string | { readonly host: string; readonly port: number | string } | { readonly path: string };

const BELONGS_TO_ENDPOINT = "it is part of the endpoint, the first argument";

const OPTIONS: Known = {
  ...OPERATION,
  names: [
    ...OPERATION.names,
    ...CONNECTION_OPTIONS,
    "family",
    "lookup",
    "attemptDelay",
    "attemptTimeout",
    "localAddress",
    "localPort",
  ],
  elsewhere: { host: BELONGS_TO_ENDPOINT, port: BELONGS_TO_ENDPOINT, path: BELONGS_TO_ENDPOINT },
};

const PARTS = partsOf(["host", "port", "path"], OPTIONS.names, { address: "addresses are for connectTo" });

/** The parts of an endpoint, checked. */
export function targetOf(to: ConnectEndpoint): { host: string; port: number } | { path: string } {
  const endpoint: unknown = typeof to === "string" ? parseEndpoint(to) : to;
  checkParts(endpoint, "a string, { host, port } or { path }", PARTS);
  const { host, port, path } = endpoint as { host?: unknown; port?: unknown; path?: unknown };
  if (path !== undefined) {
    checkPath(path);
    if (host !== undefined || port !== undefined) {
      throw wrongValue("endpoint", "either { host, port } or { path }", endpoint);
    }
    return { path };
  }
  if (typeof host !== "string") throw wrongType("host", "a string", host);
  checkHost(host);
  return { host, port: portOf(port as number | string, host) };
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
    if (family === 0) throw wrongValue("addresses", "literal addresses with ports", candidate);
    return { address, family, port: portOf(port as number) };
  });
}

/** The options as they are at the call, checked. */
export function checkedConnectOptions(given: ConnectOptions): ConnectOptions {
  checkOptions(given, OPTIONS);
  refuseUnknown(given, OPTIONS);
  const options = copyOf(given);
  checkTimeout("timeout", options.timeout);
  checkSignal(options.signal);
  checkConnectionOptions(options);
  checkLookup(options);
  checkTimeout("attemptDelay", options.attemptDelay);
  checkTimeout("attemptTimeout", options.attemptTimeout);
  const { localAddress, localPort } = options as { localAddress?: unknown; localPort?: unknown };
  if (localAddress !== undefined) {
    if (typeof localAddress !== "string") throw wrongType("localAddress", "a string", localAddress);
    if (familyOf(localAddress) === 0) throw wrongValue("localAddress", "a literal address", localAddress);
    options.localAddress = normalAddress(localAddress);
  }
  if (localPort !== undefined) checkSize("localPort", localPort, LAST_PORT);
  return options;
}

/**
 * What is done to the given options later changes nothing. One literal: put together from several, with a hidden class for
 * each property, it would cost half as much as all else of a connect outside the kernel.
 */
function copyOf(given: ConnectOptions): ConnectOptions {
  const { readTimeout, writeTimeout, bufferSize, noDelay, keepAlive } = given;
  const { timeout, signal, family, lookup } = given;
  const { attemptDelay, attemptTimeout, localAddress, localPort } = given;
  return {
    readTimeout,
    writeTimeout,
    bufferSize,
    noDelay,
    keepAlive,
    timeout,
    signal,
    family,
    lookup,
    attemptDelay,
    attemptTimeout,
    localAddress,
    localPort,
  };
}
