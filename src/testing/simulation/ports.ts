import { familyOf } from "../../address/endpoint.js";
import { UNSPECIFIED } from "../../address/resolve.js";
import type { Kernel } from "./kernel.js";
import { keyOf, type End } from "./packet.js";

/** The ports that Linux chooses from (ip_local_port_range). */
const FIRST = 32_768;
const LAST = 60_999;

/** The ports of a host that the system chooses. */
export class Ports {
  readonly #host: Kernel;
  #next: number;

  constructor(host: Kernel) {
    this.#host = host;
    this.#next = host.wires.random.integer(FIRST, LAST);
  }

  /** A port to connect to `remote` from; `undefined` if all are in use for that. */
  forConnecting(address: string, remote: End): number | undefined {
    const { endpoints, servers } = this.#host;
    return this.#find((port) => {
      const local = { address, port };
      return !endpoints.has(keyOf(local, remote)) && ![...servers].some((server) => server.takes(local));
    });
  }

  /** A port to listen on. */
  forListening(address: string, isDual: boolean): number | undefined {
    return this.#find(this.areFree(address, isDual));
  }

  /** Tells which ports a socket can be bound to. Node's sockets share theirs (SO_REUSEADDR), but for those that listen. */
  areFree(address: string, isDual: boolean): (port: number) => boolean {
    const { endpoints, servers } = this.#host;
    const taken = new Set<number>();
    for (const { isAutobound, local } of endpoints.values())
      if (isAutobound && covers(address, isDual, local.address)) taken.add(local.port);
    return (port) =>
      !taken.has(port) && ![...servers].some((server) => server.conflicts({ address, port }, isDual));
  }

  #find(isFree: (port: number) => boolean): number | undefined {
    for (let tried = FIRST; tried <= LAST; tried++) {
      const port = this.#next;
      this.#next = port === LAST ? FIRST : port + 1;
      if (isFree(port)) return port;
    }
    return undefined;
  }
}

/** Whether a socket that is bound to `bound` has an address: the same one, any of its family, or any if it `isDual`. */
export function covers(bound: string, isDual: boolean, address: string): boolean {
  if (bound === address) return true;
  return UNSPECIFIED.includes(bound) && (isDual || familyOf(bound) === familyOf(address));
}
