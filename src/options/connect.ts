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
import { checkTimeout, wrongType, wrongValue } from "./checks.js";
import { CONNECTION, type ConnectionOptions } from "./connection.js";
import { OPERATION, type OperationOptions } from "./operation.js";
import { checkedOptions, schemaOf, type Complete } from "./schema.js";

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
  },
  { ...OPERATION, elsewhere: { host: IN_ENDPOINT, port: IN_ENDPOINT, path: IN_ENDPOINT } },
);

const ENDPOINT = endpointForm<{ host: unknown; port: unknown; path: unknown }>(
  { host: true, port: true, path: true },
  {
    forms: "a string, { host, port } or { path }",
    either: "either { host, port } or { path }",
    elsewhere: { address: "addresses are for connectTo" },
  },
  CONNECT,
);

/** The target of a connect. */
export function connectTarget(to: ConnectEndpoint): { host: string; port: number } | { path: string } {
  const parts = partsOf(to, ENDPOINT);
  if (!("host" in parts)) return parts as { path: string };
  const { host, port } = parts;
  checkHost("host", host);
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
export function checkedConnectOptions(given: ConnectOptions): Complete<ConnectOptions> {
  const options = checkedOptions(given, CONNECT, copyOf);
  const { localAddress } = options;
  if (localAddress !== undefined) options.localAddress = normalAddress(localAddress);
  return options;
}

/**
 * One literal: an object put together property by property, with a hidden class for each, would cost half as much as all
 * else that a connect does outside the kernel.
 */
function copyOf(given: ConnectOptions): Complete<ConnectOptions> {
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
