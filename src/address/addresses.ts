import type { Subject } from "../errors.js";
import { familyOf, formatEndpoint, normalAddress } from "./endpoint.js";

/** Our end of a connection. */
export interface LocalEnd {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

/** What can be asked for addresses: a socket; most other streams have none. */
export interface Addressed extends LocalEnd {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/**
 * Where the two ends of a connection are, as it was when the socket was asked: it forgets when the connection is gone,
 * sometimes earlier. Also what errors say of it.
 */
export class Addresses implements Addressed, Subject {
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;

  /** `ours` is given where it is known: to ask the kernel costs a tenth of what accepting a connection does. */
  constructor(socket: Addressed, ours: LocalEnd = socket) {
    const { localAddress: local, localPort } = ours;
    const { remoteAddress: remote, remotePort } = socket;
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

  /** Most connections never fail, so the words for it are made when they do. */
  get text(): string {
    const { localAddress, localPort = 0, remoteAddress = "", remotePort = 0 } = this;
    const local = localAddress === undefined ? "" : `${formatEndpoint(localAddress, localPort)} -> `;
    return local + formatEndpoint(remoteAddress, remotePort);
  }
}

/** What the errors of a connection say of where it is; `path` is that of a Unix socket. */
export function subjectOf(addresses: Addresses, path?: string): Subject {
  const { remoteAddress, remotePort } = addresses;
  if (remoteAddress !== undefined && remotePort !== undefined) return addresses;
  return { address: path, text: path ?? "unknown peer" };
}
