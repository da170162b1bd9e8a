import type { Subject } from "../errors.js";
import { familyOf, formatEndpoint, normalAddress } from "./endpoint.js";

/** Where the two ends of a connection are, as it was when the connection was made. */
export interface Addresses {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly family?: 4 | 6 | undefined;
}

/** Asks a socket for its addresses: they are gone once the connection is, sometimes earlier. Other streams have none. */
export function addressesOf(socket: Omit<Addresses, "family">): Addresses {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const remote = remoteAddress === undefined ? undefined : normalAddress(remoteAddress);
  const local = localAddress === undefined ? undefined : normalAddress(localAddress);
  const family = familyOf(remote ?? local ?? "");
  return {
    localAddress: local,
    localPort,
    remoteAddress: remote,
    remotePort,
    family: family === 0 ? undefined : family,
  };
}

/** What the errors of a connection say of where it is; `path` is that of a Unix socket. */
export function subjectOf(addresses: Addresses, path?: string): Subject {
  const { remoteAddress, remotePort } = addresses;
  if (remoteAddress === undefined || remotePort === undefined)
    return { address: path, text: path ?? "unknown peer" };
  return new ConnectionSubject(addresses, remoteAddress, remotePort);
}

/** Most connections never fail, so the words for it are made when they do. */
class ConnectionSubject implements Subject {
  readonly #addresses: Addresses;
  readonly address: string;
  readonly port: number;

  constructor(addresses: Addresses, address: string, port: number) {
    this.#addresses = addresses;
    this.address = address;
    this.port = port;
  }

  get text(): string {
    const { localAddress, localPort } = this.#addresses;
    const local = localAddress === undefined ? "" : `${formatEndpoint(localAddress, localPort ?? 0)} -> `;
    return local + formatEndpoint(this.address, this.port);
  }
}
