import type { AddressInfo, SocketReadyState } from "node:net";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { inspect } from "node:util";
import { checkFunction } from "../options/checks.js";
import { LONGEST_TIMER_MS } from "../core/timing/clock.js";
import type { ConnectedSocket } from "../connected-socket.js";
import { IdleTimer } from "../core/timing/idle-timer.js";
import { shownOf } from "../core/facts.js";
import type { Link } from "../core/link.js";
import { keepAliveOf } from "../options/keep-alive.js";
import { refused, type Subject } from "../errors.js";
import { lineOf, type Style } from "../inspection.js";
import { NodeDuplex, type Done } from "./node-duplex.js";
import {
  addressOf,
  checkedDuration,
  destroyWhenFinished,
  familyName,
  readyStateOf,
} from "./socket-members.js";

type Setting = (socket: ConnectedSocket) => void;

/** What sockets have on Node 24 and later: the IP header's type of service, which a program sets to mark its traffic. */
interface TypeOfService {
  setTypeOfService(value: number): unknown;
  getTypeOfService(): number;
}

/** A Duplex of Node's with what libraries ask a `net.Socket` for; each member is as the socket's of that name. */
export interface SocketDuplex extends Duplex {
  /** Whether it still connects, as a Duplex of `connectDuplex` and an adopted socket may. */
  readonly connecting: boolean;
  /** Whether it still connects, or is closed. */
  readonly pending: boolean;
  /** `"opening"` while it connects; then which sides are open: `"open"`, `"readOnly"`, `"writeOnly"` or `"closed"`. */
  readonly readyState: SocketReadyState;
  /** Our own address; `undefined` before it has connected, and for a Unix socket. */
  readonly localAddress: string | undefined;
  /** Our own port; `undefined` where there is no address. */
  readonly localPort: number | undefined;
  /** `"IPv4"` or `"IPv6"`; `undefined` where there are no addresses. */
  readonly localFamily: string | undefined;
  /** The peer's address; `undefined` before it has connected, and for a Unix socket. */
  readonly remoteAddress: string | undefined;
  /** The peer's port; `undefined` where there is no address. */
  readonly remotePort: number | undefined;
  /** `"IPv4"` or `"IPv6"`; `undefined` where there are no addresses. */
  readonly remoteFamily: string | undefined;
  /** Bytes that the connection has received, whether read or not. */
  readonly bytesRead: number;
  /** Bytes that were written, those that the kernel has not taken among them. */
  readonly bytesWritten: number;
  /** The former name of `writableLength`; `undefined` once destroyed, although Node's type, too, says that it is a number. */
  readonly bufferSize: number;
  /** What {@link setTimeout} has set; `undefined` before. */
  readonly timeout: number | undefined;
  /** Our own address; `{}` where there is none. */
  address(): AddressInfo | Record<string, never>;
  /**
   * Emits `'timeout'` when nothing has arrived, was written or was sent for `ms` milliseconds, once for each such silence.
   * `0` turns this off. Nothing else happens: to close the connection, destroy the Duplex in a listener.
   *
   * @param listener - is called for the next `'timeout'`; with `ms` of 0 it is removed
   * @throws TypeError, RangeError for anything that is no finite number of ms, 0 or more
   */
  setTimeout(ms: number, listener?: () => void): this;
  /** Whether the kernel sends a small write at once (TCP_NODELAY); `true` by default. It holds also if it is set before the Duplex has connected. */
  setNoDelay(on?: boolean): this;
  /**
   * Times are in ms. Where the runtime cannot set the `interval` and the `count`, they are ignored, as is what is no number
   * that the kernel takes.
   */
  setKeepAlive(on?: boolean, delay?: number, interval?: number, count?: number): this;
  /** Node 20 and 22, Bun and Deno have no such method, nor have connections over streams that are no sockets. */
  readonly setTypeOfService: ((value: number) => unknown) | undefined;
  /** Returns the type of service that is set. It is there where `setTypeOfService` is. */
  readonly getTypeOfService: (() => number) | undefined;
  /**
   * For libraries that call it on any socket that they are given, as pg does. The Duplex connects by itself, so the arguments
   * change nothing. If it has connected before the call, it emits `'connect'` and `'ready'` once more, in the next tick.
   *
   * @param rest - a function among them, as the last, is called for the next `'connect'`
   * @throws NetError `ERR_CLOSED` once the Duplex is destroyed
   */
  connect(...rest: unknown[]): this;
  /** Lets the connection keep the process alive, as it does at first. */
  ref(): this;
  /** Lets the process end although the connection is open. */
  unref(): this;
  /** Ends the writing side, and destroys the Duplex when all is sent. */
  destroySoon(): void;
  /** Resets the connection, and destroys the Duplex without an error. */
  resetAndDestroy(): this;

  // What libraries ask a `tls.TLSSocket` for. Without TLS each of these is `undefined`: a `net.Socket` has none of them.

  /** `true` over TLS, also while it connects. */
  readonly encrypted: true | undefined;
  /** Whether the certificate of the peer is trusted. */
  readonly authorized: boolean | undefined;
  /** A code, where Node's sockets have a code or an error; `null` if nothing is wrong with the certificate. */
  readonly authorizationError: string | null | undefined;
  /** `false` if no protocol was agreed on, `null` while it connects. */
  readonly alpnProtocol: string | false | null | undefined;
  /** `false` if the client has asked for no name, `null` while it connects. */
  readonly servername: string | false | null | undefined;
  /** The version of TLS: `"TLSv1.3"`. */
  readonly getProtocol: TLSSocket["getProtocol"] | undefined;
  /** The cipher that was agreed on. */
  readonly getCipher: TLSSocket["getCipher"] | undefined;
  /** The certificate of the peer, as an object of its fields. */
  readonly getPeerCertificate: TLSSocket["getPeerCertificate"] | undefined;
  /** The certificate of the peer, as an `X509Certificate`. */
  readonly getPeerX509Certificate: TLSSocket["getPeerX509Certificate"] | undefined;
  /** Whether the handshake has resumed an earlier session. */
  readonly isSessionReused: TLSSocket["isSessionReused"] | undefined;
}

/** The Duplex of a connection that may be yet to come, with the members that libraries use of a `net.Socket`. */
export abstract class SocketView extends NodeDuplex implements SocketDuplex {
  abstract readonly encrypted: SocketDuplex["encrypted"];
  abstract readonly authorized: SocketDuplex["authorized"];
  abstract readonly authorizationError: SocketDuplex["authorizationError"];
  abstract readonly alpnProtocol: SocketDuplex["alpnProtocol"];
  abstract readonly servername: SocketDuplex["servername"];
  abstract readonly getProtocol: SocketDuplex["getProtocol"];
  abstract readonly getCipher: SocketDuplex["getCipher"];
  abstract readonly getPeerCertificate: SocketDuplex["getPeerCertificate"];
  abstract readonly getPeerX509Certificate: SocketDuplex["getPeerX509Certificate"];
  abstract readonly isSessionReused: SocketDuplex["isSessionReused"];

  #link: Link | null = null;
  #socket: ConnectedSocket | null = null;
  /** The latest settings of each kind that were made before there was a connection, if any were. */
  #settings: Map<string, Setting> | null = null;
  #idle: IdleTimer | null = null;
  #timeout: number | undefined;

  readonly #kind: string;
  readonly #subject: Subject;
  #announces = false;

  /**
   * @param kind - what it is called where it is printed
   * @param subject - what it connects to, or is connected with
   */
  constructor(kind: string, subject: Subject, allowHalfOpen: boolean, readAhead: number | undefined) {
    super(allowHalfOpen, readAhead);
    this.#kind = kind;
    this.#subject = subject;
  }

  /** Gives the Duplex its connection. */
  protected attach(link: Link, socket: ConnectedSocket): void {
    this.#link = link;
    this.#socket = socket;
    this.#settings?.forEach((setting) => setting(socket));
    this.#settings = null;
    this.#beginSilence();
    this.attachLink(link);
  }

  get connecting(): boolean {
    return this.#link?.transport.connecting ?? !this.destroyed;
  }

  get pending(): boolean {
    return this.connecting || this.destroyed;
  }

  get readyState(): SocketReadyState {
    return this.connecting && !this.destroyed ? "opening" : readyStateOf(this);
  }

  get localAddress(): string | undefined {
    return this.#socket?.localAddress;
  }

  get localPort(): number | undefined {
    return this.#socket?.localPort;
  }

  get localFamily(): string | undefined {
    return familyName(this.localAddress);
  }

  get remoteAddress(): string | undefined {
    return this.#socket?.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket?.remotePort;
  }

  get remoteFamily(): string | undefined {
    return familyName(this.remoteAddress);
  }

  get bytesRead(): number {
    return this.#socket?.bytesRead ?? 0;
  }

  get bytesWritten(): number {
    const sent = this.#socket?.bytesWritten ?? 0;
    return sent + (this.#link?.output.length ?? 0) + this.queuedLength;
  }

  get bufferSize(): number {
    return (this.destroyed ? undefined : this.writableLength) as number;
  }

  get timeout(): number | undefined {
    return this.#timeout;
  }

  address(): AddressInfo | Record<string, never> {
    return addressOf(this);
  }

  setTimeout(ms: number, listener?: () => void): this {
    if (this.destroyed) return this;
    checkedDuration(ms);
    if (listener !== undefined) checkFunction("listener", listener);
    this.#timeout = ms;
    this.#idle ??= new IdleTimer(
      // A byte that is written counts when it is queued, and again when the kernel takes it.
      () => this.bytesRead + this.bytesWritten + (this.#socket?.bytesWritten ?? 0),
      () => void this.emit("timeout"),
    );
    this.#beginSilence();
    if (listener !== undefined) {
      if (ms > 0) this.once("timeout", listener);
      else this.off("timeout", listener);
    }
    return this;
  }

  #beginSilence(): void {
    this.#idle?.set(Math.min(this.#timeout ?? 0, LONGEST_TIMER_MS));
  }

  setNoDelay(on: unknown = true): this {
    return this.#set("noDelay", (socket) => socket.setNoDelay(Boolean(on)));
  }

  setKeepAlive(on?: unknown, delay?: unknown, interval?: unknown, count?: unknown): this {
    if (typeof on === "object" && on !== null) {
      const options = on as Record<string, unknown>;
      return this.setKeepAlive(options.enable, options.initialDelay, options.interval, options.count);
    }
    const options = Boolean(on) ? keepAliveOf(delay, interval, count) : null;
    return this.#set("keepAlive", (socket) => {
      if (options === null) socket.setKeepAlive(false);
      else socket.setKeepAlive(options);
    });
  }

  get setTypeOfService(): TypeOfService["setTypeOfService"] | undefined {
    const socket = this.#typeOfService;
    if (socket?.setTypeOfService === undefined) return undefined;
    return (value) => {
      socket.setTypeOfService?.(value);
      return this;
    };
  }

  get getTypeOfService(): TypeOfService["getTypeOfService"] | undefined {
    const socket = this.#typeOfService;
    return socket?.getTypeOfService?.bind(socket);
  }

  get #typeOfService(): Partial<TypeOfService> | null {
    return this.stream as Partial<TypeOfService> | null;
  }

  /** The stream beneath the connection; `null` if there is none, or no connection yet. */
  protected get stream(): Duplex | null {
    return this.#link?.transport.stream ?? null;
  }

  ref(): this {
    return this.#set("ref", (socket) => socket.ref());
  }

  unref(): this {
    return this.#set("ref", (socket) => socket.unref());
  }

  #set(kind: string, setting: Setting): this {
    if (this.#socket === null) (this.#settings ??= new Map()).set(kind, setting);
    else setting(this.#socket);
    return this;
  }

  connect(...rest: unknown[]): this {
    if (this.destroyed) {
      const reason = "the Duplex was destroyed, and cannot connect again";
      throw refused("connect", this.#subject, "ERR_CLOSED", reason);
    }
    const listener = rest.at(-1);
    if (typeof listener === "function") this.once("connect", listener as () => void);
    if (!this.connecting) this.announceConnected();
    return this;
  }

  /** Emits `'connect'` and `'ready'` in the next tick, when the caller of {@link connect} listens, too. */
  protected announceConnected(): void {
    if (this.#announces) return;
    this.#announces = true;
    nextTick(() => {
      this.#announces = false;
      this.emitConnected();
    });
  }

  protected emitConnected(): void {
    if (this.destroyed) return;
    this.emit("connect");
    // Also if a listener to 'connect' has destroyed it, as a socket does.
    this.emit("ready");
  }

  destroySoon(): void {
    destroyWhenFinished(this);
  }

  resetAndDestroy(): this {
    this.#link?.reset();
    return this.destroy();
  }

  /** @internal One line, as for the connection. A prototype, which has no state, is shown as any other. */
  [inspect.custom](depth: number, style: Style): unknown {
    if (!(#settings in this)) return this;
    const place = this.#socket?.toString() ?? this.#subject.text;
    return lineOf(this.#kind, place, shownOf(this.#facts()), depth, style);
  }

  #facts(): Parameters<typeof shownOf>[0] {
    const { bytesRead, bytesWritten } = this;
    return {
      ...this.#state(),
      bytesRead,
      bytesWritten,
      readableLength: (this.#link?.input.length ?? 0) + this.readableLength,
      writableLength: (this.#link?.output.length ?? 0) + this.queuedLength,
    };
  }

  #state(): { state: string; code?: string | undefined } {
    if (this.connecting && !this.destroyed) return { state: "connecting" };
    const { state, code } = this.#socket?.toJSON() ?? { state: "closed" };
    const error: NodeJS.ErrnoException | null = this.errored;
    // Writes that the program cut off when it closed or reset the connection have failed; the connection has not.
    const isCutOff = error?.code === "ERR_CLOSED" && this.#link?.live === false;
    if (error === null || isCutOff) return { state, code };
    return { state: "failed", code: typeof error.code === "string" ? error.code : code };
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#idle?.set(0);
    if (this.#link === null) done(error);
    else super._destroy(error, done);
  }
}
