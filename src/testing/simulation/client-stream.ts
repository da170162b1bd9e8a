import type { Transport } from "../../core/transport/transport.js";
import { TransportStream } from "../../core/transport/transport-stream.js";
import type { Endpoint } from "./endpoint.js";
import type { SimulatedTransport } from "./transport.js";

/** A client of a simulated server: what a `net.Socket` is to a `net.Server`. */
export class ClientStream extends TransportStream {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly pending = false;
  /** The server that counts it. */
  server: object | null;
  readonly #transport: SimulatedTransport;

  constructor(transport: SimulatedTransport, { local, remote }: Endpoint, server: object) {
    super(transport, true);
    this.#transport = transport;
    this.localAddress = local.address;
    this.localPort = local.port;
    this.remoteAddress = remote.address;
    this.remotePort = remote.port;
    this.server = server;
  }

  override giveBack(): Transport {
    this.#transport.onClosed = () => this.emit("close");
    return super.giveBack();
  }

  resetAndDestroy(): this {
    this.reset();
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(on: boolean, delay: number, interval?: number, count?: number): this {
    this.#transport.setKeepAlive(on, delay, interval, count);
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}
