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
  forListening(isFree: (port: number) => boolean): number | undefined {
    return this.#find(isFree);
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
