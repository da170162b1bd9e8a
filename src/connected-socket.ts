import type { Socket } from "node:net";
import { inspect } from "node:util";
import type { Duplex } from "node:stream";
import type { Addresses } from "./address/addresses.js";
import { checkTimeout, wrongType, checkBoolean } from "./options/checks.js";
import { checkedKeepAlive, setKeepAlive, type KeepAliveOptions } from "./options/keep-alive.js";
import { factsOf, nameOf, shownOf, type ConnectionFacts } from "./core/facts.js";
import type { Link } from "./core/link.js";
import type { ProxyFacts } from "./proxy-protocol/header.js";
import { ProxiedAddresses } from "./proxy-protocol/proxied-addresses.js";
import { lineOf, type Style } from "./inspection.js";
import { factsOfTls } from "./tls/snapshot.js";

/** The socket beneath a connection: its addresses, counts and settings. */
export abstract class ConnectedSocket {
  readonly #link: Link;
  readonly #addresses: Addresses;

  /** @internal */
  constructor(link: Link, addresses: Addresses) {
    this.#link = link;
    this.#addresses = addresses;
  }

  /** @internal Where both ends are. */
  protected get addresses(): Addresses {
    return this.#addresses;
  }

  /** Our own address when the connection was made; `undefined` for a Unix socket. */
  get localAddress(): string | undefined {
    return this.#addresses.localAddress;
  }

  /** Our own port; `undefined` for a Unix socket. */
  get localPort(): number | undefined {
    return this.#addresses.localPort;
  }

  /** The peer's address when the connection was made; IPv4 addresses mapped into IPv6 as IPv4. */
  get remoteAddress(): string | undefined {
    return this.#addresses.remoteAddress;
  }

  /** The peer's port; `undefined` for a Unix socket. */
  get remotePort(): number | undefined {
    return this.#addresses.remotePort;
  }

  /**
   * What a PROXY header has said, if `listen` had the option `proxyProtocol` and one came; `undefined` otherwise.
   *
   * Where the header names the client, {@link remoteAddress} and {@link remotePort} are the client's, and those of
   * {@link socket} the balancer's. Where it names none (command `"local"`, protocol `UNKNOWN`), all are the balancer's.
   * {@link localAddress} is our own in any case: the address that the client has connected to is `destinationAddress`.
   *
   * @example console.log(connection.remoteAddress, connection.proxy?.tlvs.get(2)?.toString()); // client, server name
   */
  get proxy(): ProxyFacts | undefined {
    return this.#addresses instanceof ProxiedAddresses ? this.#addresses.proxy : undefined;
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
   * The `net.Socket` beneath the connection, or the Duplex that was adopted; {@link duplex} if there is neither.
   *
   * Reading from it (`'data'`, `read()`, `pipe()` …) moves the unread bytes into it, and the connection's own reads reject
   * with `ERR_BUSY` from then on. Its `pause()` can stop the connection's own reads, which then time out. Before you write to
   * it, flush the connection, so that the bytes come in order. Once both sides have ended the socket is destroyed; bytes that
   * are unread then can be read from the connection.
   */
  get socket(): Socket {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- not all have a socket
    return (this.#link.transport.stream ?? this.duplex) as Socket;
  }

  abstract get duplex(): Duplex;

  /** Bytes that have been received so far, read or not. */
  get bytesRead(): number {
    return this.#link.input.received;
  }

  /** Bytes that the kernel has taken so far. */
  get bytesWritten(): number {
    return this.#link.transport.bytesTaken;
  }

  /** Sets TCP_NODELAY: small writes are sent at once (`true`, the default of new connections), or gathered by the kernel. */
  setNoDelay(on = true): this {
    checkBoolean("on", on);
    this.#link.transport.setNoDelay(on);
    return this;
  }

  /**
   * Sets SO_KEEPALIVE: whether the kernel asks an idle peer if it is still there.
   *
   * @param delay - ms of silence before the kernel first asks, 1 000 at least; the system's own by default, which is two hours
   */
  setKeepAlive(on?: boolean, delay?: number): this;
  /**
   * Sets SO_KEEPALIVE, and when the kernel asks, how often, and when it gives up.
   *
   * @throws TypeError `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM` for an `interval` or a `count` where the runtime cannot set them
   */
  setKeepAlive(options: KeepAliveOptions): this;
  setKeepAlive(on: boolean | KeepAliveOptions = true, delay?: number): this {
    if (typeof on === "object" && (on as unknown) !== null && delay === undefined) {
      setKeepAlive(this.#link.transport, checkedKeepAlive(on));
      return this;
    }
    if (typeof on !== "boolean") throw wrongType("on", "a boolean, before a delay, or { delay }", on);
    if (delay !== undefined) checkTimeout("delay", delay);
    setKeepAlive(this.#link.transport, on && (delay ?? true));
    return this;
  }

  /**
   * Lets the open connection keep the process alive, as it does by default, also while it is not reading. A connection over
   * an adopted stream that is no socket does so only while a call waits, `closed` included.
   */
  ref(): this {
    this.#link.refer(true);
    this.#link.transport.ref();
    return this;
  }

  /** Lets the process end while the connection is open, also while calls wait. */
  unref(): this {
    this.#link.refer(false);
    this.#link.transport.unref();
    return this;
  }

  // Looking at it. These can be called on the prototype as well, as programs do that print any object.

  /**
   * `"127.0.0.1:5000 -> 127.0.0.1:80"`; the path of a Unix socket; for an adopted stream without addresses, its class.
   */
  toString(): string {
    return #link in this ? nameOf(this.#link, this.#addresses) : Object.prototype.toString.call(this);
  }

  /** The addresses, state, TLS and byte counts, which `console.log` and `util.inspect` print in one line. */
  toJSON(): ConnectionFacts {
    if (!(#link in this)) return {} as ConnectionFacts;
    return factsOf(this.#link, this.#addresses, factsOfTls(this.#link.transport.stream));
  }

  /** @internal */
  [inspect.custom](depth: number, style: Style): unknown {
    return #link in this ? lineOf("Connection", this.toString(), shownOf(this.toJSON()), depth, style) : this;
  }
}
