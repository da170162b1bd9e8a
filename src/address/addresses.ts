import type { Subject } from "../errors.js";
import { familyOf, joinHostPort, normalAddress, shownPath } from "./endpoint.js";

/** Our end of a connection. */
export interface LocalEnd {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

/** The peer's end of a connection. */
export interface RemoteEnd {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** What has addresses to read: a socket. Most other streams have none. */
export interface Addressed extends LocalEnd, RemoteEnd {}

/**
 * Where the two ends of a connection are. They are read from the socket at once, since a socket forgets them when the
 * connection is gone, sometimes earlier. Errors name them, too.
 */
export class Addresses implements Addressed, Subject {
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;

  /** Where one of the ends is known already it is given: to read it from the kernel is a tenth of what a connection costs. */
  constructor(theirs: RemoteEnd, ours: LocalEnd);
  constructor(socket: Addressed, ours?: LocalEnd);
  constructor(theirs: Addressed, ours: LocalEnd = theirs) {
    const { localAddress: local, localPort } = ours;
    const { remoteAddress: remote, remotePort } = theirs;
    this.localAddress = local === undefined ? undefined : normalAddress(local);
    this.localPort = localPort;
    this.remoteAddress = remote === undefined ? undefined : normalAddress(remote);
    this.remotePort = remotePort;
  }

  get family(): 4 | 6 | undefined {
    const family = familyOf(this.remoteAddress ?? this.localAddress ?? "");
    return family === 0 ? undefined : family;
  }

  get address(): string | undefined {
    return this.remoteAddress;
  }

  get port(): number | undefined {
    return this.remotePort;
  }

  /** Made when an error needs it: most connections never fail. */
  get text(): string {
    const { localAddress, localPort = 0, remoteAddress = "", remotePort = 0 } = this;
    const local = localAddress === undefined ? "" : `${joinHostPort(localAddress, localPort)} -> `;
    return local + joinHostPort(remoteAddress, remotePort);
  }
}

/** What the errors of a connection say of where it is; `path` is that of a Unix socket. */
export function subjectOf(addresses: Addresses, path?: string): Subject {
  const { remoteAddress, remotePort } = addresses;
  if (remoteAddress !== undefined && remotePort !== undefined) return addresses;
  return { address: path, text: path === undefined ? "unknown peer" : shownPath(path) };
}
