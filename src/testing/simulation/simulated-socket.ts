import { Socket, type AddressInfo, type SocketReadyState } from "node:net";
import { nextTick } from "node:process";
import { Addresses } from "../../address/addresses.js";
import type { Rest } from "../../core/bytes/rest.js";
import type { Clock } from "../../core/timing/clock.js";
import type { HandOver, Transport } from "../../core/transport/transport.js";
import { TransportStream } from "../../core/transport/transport-stream.js";
import { refused } from "../../errors.js";
import { checkFunction, checkInteger } from "../../options/checks.js";
import { setsIntervals } from "../../options/keep-alive.js";
import {
  addressOf,
  checkedDuration,
  destroyWhenFinished,
  familyName,
  queueOf,
  readyStateOf,
} from "../../views/socket-members.js";
import type { End } from "./packet.js";
import { SocketTimeout } from "./socket-timeout.js";

/** What a simulated socket is over: its transport, which also knows what the kernel tells of a connection. */
export interface Beneath extends Transport {
  /** Our own end, while the socket is open. */
  readonly local: End | undefined;
  /** The peer, while the kernel knows one; what was told once is remembered, as Node does. */
  readonly peer: End | undefined;
  /** Bytes that were read from the kernel. */
  readonly bytesRead: number;
  /** Bytes that the kernel was given, whether it has taken them or not. */
  readonly bytesDispatched: number;
  /** What the timers of the program go by. */
  readonly clock: Clock;
  /**
   * Told whenever bytes, or the peer's end, were read or written.
   *
   * @param waiting - the size of a write that has begun to wait for the kernel; 0 if none waits any more
   */
  onActivity: (waiting?: number) => void;
  /** Leaves the stream that it was handed over as to another owner. `closed` is called when it has closed. */
  reclaim(closed: () => void): void;
}

type Write = (...args: unknown[]) => boolean;

interface KeepAliveObject {
  readonly enable?: unknown;
  readonly initialDelay?: unknown;
  readonly interval?: unknown;
  readonly count?: unknown;
}

/** The bits of the type of service that a TCP socket can set: the others belong to the kernel (ECN). */
const TYPE_OF_SERVICE_BITS = 0xfc;

/**
 * What a `net.Socket` is to a program, on a simulated host: what `detach()` gives, and the client of a server. Each member is as
 * the socket's of that name on the release of Node that runs, and its times are virtual.
 */
export class SimulatedSocket extends TransportStream {
  readonly connecting = false;
  /** The server that counts it. */
  server: object | null = null;
  /** What {@link setTimeout} was called with last. */
  timeout: number | undefined;
  readonly #transport: Beneath;
  readonly #silence: SocketTimeout;
  /** What the kernel had not taken of a write when that was last looked at; 0 if no write waits for the kernel. */
  #seenUnsent = 0;
  #typeOfService = 0;
  #hadError = false;

  constructor(transport: Beneath, allowHalfOpen?: boolean) {
    // As of Node's sockets, whose 'close' comes once the kernel has closed them.
    super(transport, allowHalfOpen, false);
    this.#transport = transport;
    this.#silence = new SocketTimeout(transport.clock, () => this.#fellSilent());
    transport.onActivity = (waiting) => {
      this.#seenUnsent = waiting ?? this.#seenUnsent;
      this.#silence.refresh();
    };
  }

  // What the kernel tells

  get localAddress(): string | undefined {
    return this.#transport.local?.address;
  }

  get localPort(): number | undefined {
    return this.#transport.local?.port;
  }

  get localFamily(): string | undefined {
    return familyName(this.localAddress);
  }

  get remoteAddress(): string | undefined {
    return this.#transport.peer?.address;
  }

  get remotePort(): number | undefined {
    return this.#transport.peer?.port;
  }

  get remoteFamily(): string | undefined {
    return familyName(this.remoteAddress);
  }

  address(): AddressInfo | Record<string, never> {
    return addressOf(this);
  }

  get bytesRead(): number {
    return this.#transport.bytesRead;
  }

  get bytesWritten(): number {
    return queueOf(this).reduce((sum, { chunk }) => sum + chunk.length, this.#transport.bytesDispatched);
  }

  get bufferSize(): number {
    // Node's types, too, say that it is a number.
    return (this.pending ? undefined : this.writableLength) as number;
  }

  get pending(): boolean {
    return this.destroyed;
  }

  get readyState(): SocketReadyState {
    return readyStateOf(this);
  }

  /** Whether something waits for bytes. */
  get isRead(): boolean {
    return this.readableFlowing === true || this.listenerCount("readable") > 0;
  }

  // What a program sets

  setTimeout(ms: number, listener?: () => void): this {
    if (this.destroyed) return this;
    this.timeout = ms;
    const duration = checkedDuration(ms);
    this.#silence.set(duration);
    if (listener === undefined) return this;
    checkFunction("listener", listener);
    return duration === 0 ? this.off("timeout", listener) : this.once("timeout", listener);
  }

  setNoDelay(): this {
    // Small writes are never held back.
    return this;
  }

  setKeepAlive(on?: unknown, delay?: unknown, interval?: unknown, count?: unknown): this {
    if (!setsIntervals()) {
      this.#transport.setKeepAlive(Boolean(on), wholeSeconds(delay));
    } else if (typeof on === "object" && on !== null) {
      const options = on as KeepAliveObject;
      return this.setKeepAlive(options.enable, options.initialDelay, options.interval, options.count);
    } else {
      const between = interval === undefined ? undefined : wholeSeconds(interval);
      const most = count === undefined ? undefined : Math.trunc(Number(count)) || 0;
      this.#transport.setKeepAlive(Boolean(on), wholeSeconds(delay), between, most);
    }
    return this;
  }

  /** The type of service changes nothing here. Node 20 and 22 have no such method. */
  get setTypeOfService(): ((value: number) => this) | undefined {
    if (!("setTypeOfService" in Socket.prototype)) return undefined;
    return (value) => {
      checkInteger("tos", value, 0, 255);
      this.#typeOfService = value & TYPE_OF_SERVICE_BITS;
      return this;
    };
  }

  get getTypeOfService(): (() => number) | undefined {
    return "getTypeOfService" in Socket.prototype ? () => this.#typeOfService : undefined;
  }

  ref(): this {
    // The simulation keeps the process alive.
    return this;
  }

  unref(): this {
    return this;
  }

  /**
   * Emits `'connect'` and `'ready'` once more, as Linux has it for a socket that is connected.
   *
   * @throws NetError `ERR_CLOSED` once it is destroyed: Node's would connect anew, to another network
   */
  connect(...rest: unknown[]): this {
    if (this.destroyed) {
      const reason = "a socket of a simulated host cannot connect again";
      throw refused("connect", new Addresses(this), "ERR_CLOSED", reason);
    }
    const listener = rest.at(-1);
    if (typeof listener === "function") this.once("connect", listener as () => void);
    nextTick(() => {
      if (this.destroyed) return;
      this.emit("connect");
      this.emit("ready");
    });
    return this;
  }

  // How it ends

  destroySoon(): void {
    destroyWhenFinished(this);
  }

  resetAndDestroy(): this {
    if (!this.destroyed) this.reset();
    return this;
  }

  /** As Node's: a write to a socket that has ended because its peer has is told so. */
  override write(...args: [chunk: unknown, ...rest: never[]]): boolean {
    if (!this.writableEnded || !this.readableEnded || this.allowHalfOpen)
      return (super.write as Write)(...args);
    const error = Object.assign(new Error("This socket has been ended by the other party"), {
      code: "EPIPE",
    });
    const done = args.slice(1).find((argument: unknown) => typeof argument === "function");
    if (done !== undefined) nextTick(done, error);
    this.destroy(error);
    return false;
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#hadError = error !== null;
    this.#silence.set(0);
    this.#transport.destroy();
    done(error);
  }

  // Called by the transport

  override takeOver(handOver: HandOver, rest: Rest | null): void {
    super.takeOver(handOver, rest);
    if (handOver.ended) this.#tellEnd();
    // As Node's sockets do, whether anything reads them or not. Until then another owner can have all of it.
    else this.#transport.clock.setImmediate(() => this.#readOn());
  }

  override giveBack(): Transport {
    this.#transport.reclaim(() => this.emit("close", false));
    return super.giveBack();
  }

  override peerEnded(): void {
    super.peerEnded();
    this.#tellEnd();
  }

  override streamClosed(): void {
    super.streamClosed();
    // Behind the error, if that has come in this turn.
    nextTick(() => this.emit("close", this.#hadError));
  }

  #readOn(): void {
    // Past the methods of this object, which a connection that has adopted it has replaced.
    if (this.#transport.stream === this && !this.isPaused()) super.read(0);
  }

  /** Has `'end'` emitted if all was read, also where nothing reads. */
  #tellEnd(): void {
    super.read(0);
  }

  /** As Node's, it asks then whether a write goes on, of which the kernel has taken more. */
  #fellSilent(): void {
    const { unsent } = this.#transport;
    const isGoingOn = this.#seenUnsent > 0 && this.#seenUnsent !== unsent;
    this.#seenUnsent = unsent;
    if (isGoingOn) this.#silence.refresh();
    else this.emit("timeout");
  }
}

/** Node tells the kernel whole seconds. */
function wholeSeconds(ms: unknown): number {
  return 1_000 * Math.trunc(Number(ms) / 1_000) || 0;
}
