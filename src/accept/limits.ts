/** The clients that a listener refuses as they come, before anything is read: by their address, and by their number. */
import type { BlockList } from "node:net";
import type { Addresses } from "../address/addresses.js";
import { familyOf } from "../address/endpoint.js";
import { refused, type NetError, type Subject } from "../errors.js";

/** Which clients a listener refuses. */
export interface Limits {
  /** How many connections may be open, those that no call has accepted among them. */
  readonly maxConnections: number;
  readonly blockList: BlockList | undefined;
}

/** The error of a client that the list has. The code is Node's. */
export function blocked(subject: Subject): NetError {
  return refused("accept", subject, "ERR_IP_BLOCKED", "the blockList has the address of the client");
}

/** Makes the error of a client that is one too many. */
export function limitReached(reason: string): (subject: Subject) => NetError {
  return (subject) => refused("accept", subject, "ERR_LIMIT", reason);
}

/**
 * Whether a list has the address of a client. IPv4 addresses that IPv6 maps are checked as IPv4, and a zone is left out. The
 * clients of Unix sockets have no address. A TCP client that has reset the connection has none any more, but its bytes could
 * still be read: such a client is blocked, since otherwise each blocked client could get through this way.
 */
export function isBlocked(blockList: BlockList, { localAddress, remoteAddress }: Addresses): boolean {
  return remoteAddress === undefined ? localAddress !== undefined : isListed(blockList, remoteAddress);
}

/** Whether a list has a literal address, whose zone is left out. */
export function isListed(list: BlockList, literal: string): boolean {
  const [address = ""] = literal.split("%", 1);
  return list.check(address, familyOf(address) === 6 ? "ipv6" : "ipv4");
}
