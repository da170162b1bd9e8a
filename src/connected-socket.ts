import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Addresses } from "./address/addresses.js";
import { checkBoolean, checkTimeout } from "./options/checks.js";
import { setKeepAlive } from "./options/connection.js";
import type { Link } from "./core/link.js";

/** What is known of a connection's socket, and can be set of it. */
export abstract class ConnectedSocket {
  readonly #link: Link;
  readonly #addresses: Addresses;

  /** @internal */
  constructor(link: Link, addresses: Addresses) {
    this.#link = link;
    this.#addresses = addresses;
  }

  /** Our own address, as it was when the connection was made; `undefined` for a Unix socket. */
  get localAddress(): string | undefined {
    return this.#addresses.localAddress;
  }

  get localPort(): number | undefined {
    return this.#addresses.localPort;
  }

  /** The peer's address, as it was when the connection was made, IPv4 also where IPv6 maps it. */
  get remoteAddress(): string | undefined {
    return this.#addresses.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#addresses.remotePort;
  }

  /** 4 or 6; `undefined` for a Unix socket. */
  get family(): 4 | 6 | undefined {
    return this.#addresses.family;
  }

  /** The descriptor; `undefined` once the socket is closed, and where there are none. */
  get fd(): number | undefined {
    return this.#link.transport.descriptor;
  }

  /**
   * The `net.Socket` beneath; where a stream was adopted, that stream, whatever Duplex it is; where there is neither,
   * {@link duplex}. Reading from it (`'data'`,
   * `read()`, `pipe()` …) moves what is unread into it, and takes the input away from the connection, whose reads then
   * reject with `ERR_BUSY`. `pause()` can stop the connection's own reads as well, which then time out: do not use it
   * while these go on. To write past the connection, flush first; what it writes then comes after. Once both sides have
   * ended the socket is destroyed: what is still unread then is read from the connection.
   */
  get socket(): Socket {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- not all have a socket
    return (this.#link.transport.stream ?? this.duplex) as Socket;
  }

  abstract get duplex(): Duplex;

  /** Bytes received so far, whether read or not. */
  get bytesRead(): number {
    return this.#link.input.received;
  }

  /** Bytes that the kernel has taken so far. */
  get bytesWritten(): number {
    return this.#link.transport.bytesTaken;
  }

  /** Whether small writes are sent at once (`true`, the default of new connections) or gathered by the kernel: TCP_NODELAY. */
  setNoDelay(on = true): this {
    checkBoolean("on", on);
    this.#link.transport.setNoDelay(on);
    return this;
  }

  /**
   * Whether the kernel asks an idle peer if it is still there: SO_KEEPALIVE.
   *
   * @param delay - ms of silence before it first asks, a second at least; without it, the system's own (two hours)
   */
  setKeepAlive(on = true, delay?: number): this {
    checkBoolean("on", on);
    if (delay !== undefined) checkTimeout("delay", delay);
    setKeepAlive(this.#link.transport, on && (delay ?? true));
    return this;
  }

  /**
   * Lets the open connection keep the process alive, as it does from the start: also while it is not reading. One over an
   * adopted stream that is no socket does only while a call waits, `closed` included.
   */
  ref(): this {
    this.#link.refer(true);
    this.#link.transport.ref();
    return this;
  }

  /** Lets the process end while the connection is open, whatever waits. */
  unref(): this {
    this.#link.refer(false);
    this.#link.transport.unref();
    return this;
  }
}
