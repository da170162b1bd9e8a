import { Addresses } from "../address/addresses.js";
import type { ProxyFacts } from "./header.js";

/** The addresses of a connection that a PROXY header has come ahead of: the peer is the client, not the balancer. */
export class ProxiedAddresses extends Addresses {
  readonly proxy: ProxyFacts;

  /**
   * The peer is who the header says. The balancer itself remains the peer where the header names none: of a connection of its
   * own, and of a client whose protocol is unknown. A client of a Unix socket has no address.
   *
   * @param real - the addresses of the socket; ours stays
   */
  constructor(real: Addresses, proxy: ProxyFacts) {
    const { sourceAddress, sourcePort, destinationAddress } = proxy;
    const isKnown = sourceAddress !== undefined || destinationAddress !== undefined;
    const isUnix = sourcePort === undefined;
    super(!isKnown ? real : isUnix ? {} : { remoteAddress: sourceAddress, remotePort: sourcePort }, real);
    this.proxy = proxy;
  }
}
