/** Where a listener listens: the addresses of a name, as the places that are bound. */
import type { ListenOptions as ServerListenOptions } from "node:net";
import { familyOf, joinHostPort, normalAddress } from "../address/endpoint.js";
import { lookupAddresses, UNSPECIFIED } from "../address/resolve.js";
import type { Subject } from "../errors.js";
import type { ListenOptions, ListenTarget } from "../options/listen.js";
import type { Place } from "./server.js";

/** The places to bind for a target, one or more: each address of a name has one. */
export async function placesOf(
  target: ListenTarget,
  { reusePort, ipv6Only = false }: ListenOptions,
  asked: Subject,
  signal: AbortSignal | undefined,
): Promise<readonly Place[]> {
  // Node documents { fd }, its types lack it.
  if (!("port" in target)) return [{ where: target as ServerListenOptions, subject: asked }];
  const { host, port } = target;
  const shared = reusePort === true ? { reusePort } : {};
  if (host === undefined) {
    return [{ where: { port, ...(ipv6Only ? { host: "0.0.0.0" } : {}), ...shared }, subject: asked }];
  }
  const found = await lookupAddresses(host, port, { passive: true }, signal);
  const addresses = addressesToBind(found.map(({ address }) => address));
  // An IPv6 socket that takes IPv4 clients as well would have the port of those at the IPv4 addresses.
  const sixOnly = ipv6Only || addresses.some((address) => familyOf(address) === 4);
  return addresses.map((address) => ({
    where: { host: address, port, ipv6Only: sixOnly && familyOf(address) === 6, ...shared },
    subject: addresses.length === 1 ? subjectAt(asked, address, port) : subjectOfOne(asked, address, port),
  }));
}

/** The same address on another port. */
export function onPort({ where, subject }: Place, port: number): Place {
  return { where: { ...where, port }, subject: subjectOfOne(subject, where.host ?? "", port) };
}

/** The addresses of a name, each once. Those that an unspecified address of their family includes are left out. */
export function addressesToBind(found: readonly string[]): readonly string[] {
  const addresses = [...new Set(found.map(normalAddress))];
  const whole = addresses.filter((address) => UNSPECIFIED.includes(address)).map(familyOf);
  return addresses.filter((address) => UNSPECIFIED.includes(address) || !whole.includes(familyOf(address)));
}

/** How the error of one address of several names it: that of the whole call names the host. */
function subjectOfOne({ host }: Subject, address: string, port: number): Subject {
  return { host, address, port, text: joinHostPort(address, port) };
}

/**
 * How errors name where a host is.
 *
 * @param text - the words for the address, or for all of them
 */
export function subjectAt(
  { host }: Subject,
  address: string,
  port: number,
  text = joinHostPort(address, port),
): Subject {
  const isNamed = host !== undefined && host !== address;
  return { host, address, port, text: isNamed ? `${joinHostPort(host, port)}: ${text}` : text };
}
