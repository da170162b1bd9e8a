import type { Buffer } from "node:buffer";
import type { FakeTimer } from "./fake-timers.js";
import type { Kernel, Receiving } from "./kernel.js";
import { keyOf, textOf, type End, type Packet, type Part } from "./packet.js";
import type { Path } from "./path.js";
import type { Random } from "./random.js";
import { Receiver, RECEIVE_BUFFER_BYTES } from "./receiver.js";
import { Sender, type SenderHost } from "./sender.js";

/** What the kernel waits with for the peer's end, once the program has closed the socket (tcp_fin_timeout), and after both. */
const LAST_WAIT_MS = 60_000;

/** When and how often the kernel asks an idle peer, if the program says nothing of it: see tcp(7). */
const KEEP_ALIVE = { delay: 7_200_000, interval: 75_000, count: 9 };

/** Why a connection has failed. */
export type FailureCode = "ECONNRESET" | "EPIPE" | "ETIMEDOUT";

/** What uses an end of a connection: a call that connects, a server, or a connection of the program. */
export interface EndpointUser {
  /** The handshake of TCP is done. */
  opened?(): void;
  /** The peer has refused the handshake. */
  refused?(): void;
  /** There are bytes to read, or the peer's end. */
  arrived(): void;
  /** There is room for bytes to send. */
  progress(): void;
  failed(code: FailureCode): void;
}

/** The kernel's side of one end of a TCP connection. */
export class Endpoint implements SenderHost, Receiving {
  readonly host: Kernel;
  readonly local: End;
  readonly remote: End;
  readonly random: Random;
  readonly receiver = new Receiver();
  isAutobound = false;
  user: EndpointUser | null = null;
  /** How the connection has failed. */
  failure: FailureCode | null = null;
  readonly #sender = new Sender(this);
  /** `opening`: the handshake is under way. `left`: the program has closed the socket. `over`: nothing is sent any more. */
  #state: "opening" | "open" | "left" | "over" = "opening";
  /** Whether this end has asked for the connection. */
  readonly #isClient: boolean;
  #endsFirst = false;
  #heardAt: number;
  #keepAlive: typeof KEEP_ALIVE | null = null;
  #keepAliveTimer: FakeTimer | undefined;
  #lastWait: FakeTimer | undefined;
  #advertised = RECEIVE_BUFFER_BYTES;

  constructor(host: Kernel, local: End, remote: End, isClient: boolean) {
    this.host = host;
    this.local = local;
    this.remote = remote;
    this.#isClient = isClient;
    this.random = host.wires.random;
    this.#heardAt = host.wires.clock.now();
    host.endpoints.set(this.key, this);
  }

  get key(): string {
    return keyOf(this.local, this.remote);
  }

  get longestRoundTrip(): number {
    return this.#path?.longestRoundTrip ?? 0;
  }

  /**
   * How much longer than the kernel's own time it waits for an answer, in ms: as long as packets wait for their turn on a slow
   * link. A real one loses what it has no room for, so that senders slow down; here nothing is lost, and the queue has no end.
   */
  get queued(): number {
    return this.#path?.queued ?? 0;
  }

  get #path(): Path | undefined {
    return this.host.wires.pathTo(this.host, this.remote);
  }

  get isOpening(): boolean {
    return this.#state === "opening";
  }

  /** Whether the kernel knows a peer: no longer once both sides have ended, or the connection has failed. */
  get hasPeer(): boolean {
    return this.#state === "open" && !(this.receiver.ended && this.#sender.isDone);
  }

  // What the program does

  /** How many bytes may be sent now. */
  get room(): number {
    return this.#sender.room;
  }

  send(bytes: Buffer): void {
    this.#sender.write(bytes);
  }

  end(): void {
    this.#endsFirst ||= !this.receiver.ended;
    this.#sender.end();
  }

  /** The program has read bytes: the peer is told of the room, once it is worth it. */
  read(): void {
    const { room } = this.receiver;
    if (room - this.#advertised >= RECEIVE_BUFFER_BYTES / 2) this.#acknowledge();
  }

  /** Closes the socket: what was written is still sent, then FIN; or RST, if bytes are unread. */
  close(): void {
    if (this.#state === "over") return;
    if (this.receiver.bytes.length > 0) {
      this.reset();
      return;
    }
    this.user = null;
    this.#state = "left";
    this.setKeepAlive(null);
    this.end();
    this.#endIfDone();
  }

  reset(): void {
    if (this.#state === "over") return;
    this.host.note(`resets ${textOf(this.remote)}`);
    this.#transmit({ kind: "reset" });
    this.#remove();
  }

  /** @param options - `null` for none; `{}` for the system's own, in ms */
  setKeepAlive(options: Partial<typeof KEEP_ALIVE> | null): void {
    this.cancel(this.#keepAliveTimer);
    this.#keepAliveTimer = undefined;
    this.#keepAlive = options === null ? null : { ...KEEP_ALIVE, ...options };
    if (this.#keepAlive !== null && this.#state === "open") this.#watchSilence(this.#keepAlive, 0);
  }

  // What arrives

  receive(packet: Packet): void {
    if (this.#state === "over") return;
    this.#heardAt = this.host.wires.clock.now();
    const isAsking = this.#isClient && this.isOpening;
    if (isAsking && packet.kind !== "syn-ack" && packet.kind !== "reset") {
      // The peer has kept a connection that this host had from the same port before it crashed.
      this.#transmit({ kind: "reset" });
      return;
    }
    switch (packet.kind) {
      case "syn":
        this.#receiveSyn(packet);
        break;
      case "syn-ack":
        if (isAsking) {
          this.#open();
          this.#sender.open();
        }
        break;
      case "part":
        this.#receivePart(packet.number, packet.part);
        break;
      case "ack":
        this.#sender.acknowledged(packet.next, packet.room);
        this.#endIfDone();
        break;
      case "probe":
        this.#acknowledge();
        break;
      case "reset":
        this.#receiveReset();
    }
  }

  /** The client begins its handshake again, or begins another one: from the same port, and for a new connection. */
  #receiveSyn(packet: Packet): void {
    if (this.isOpening) this.#transmit({ kind: "syn-ack" });
    else if (this.#isDone) {
      this.#remove();
      this.host.receive(packet);
    } else {
      // A client that knows nothing of this connection answers by RST (RFC 9293, section 3.5.1), and then asks again.
      this.#acknowledge();
    }
  }

  #open(): void {
    this.#state = "open";
    if (this.#keepAlive !== null) this.#watchSilence(this.#keepAlive, 0);
    this.user?.opened?.();
  }

  #receivePart(number: number, part: Part): void {
    const fresh = this.receiver.receive(number, part);
    if (this.#state === "left" && fresh.some(({ kind }) => kind === "bytes")) {
      this.reset();
      return;
    }
    this.#acknowledge();
    let hasNews = false;
    for (const { kind } of fresh) {
      if (kind === "open") this.#open();
      else hasNews = true;
    }
    this.#noteFresh(fresh);
    if (hasNews) this.user?.arrived();
    if (fresh.some(({ kind }) => kind === "end")) this.#stopLastWait();
    this.#endIfDone();
  }

  #noteFresh(fresh: readonly Part[]): void {
    let size = 0;
    for (const part of fresh) size += part.kind === "bytes" ? part.bytes.length : 0;
    const from = textOf(this.remote);
    if (size > 0) this.host.note(`${String(size)} bytes have arrived from ${from}`);
    if (fresh.some(({ kind }) => kind === "end")) this.host.note(`the end has arrived from ${from}`);
  }

  #receiveReset(): void {
    this.host.note(`is reset by ${textOf(this.remote)}`);
    const { user } = this;
    const wasOpening = this.#state === "opening";
    this.#remove();
    if (wasOpening) user?.refused?.();
    // As Linux has it (tcp_reset). A read that waits is told of the end alone.
    else this.#fail(user, this.receiver.ended ? "EPIPE" : "ECONNRESET");
  }

  // What the sender asks for

  transmit(number: number, part: Part): void {
    this.#transmit({ kind: "part", number, part });
  }

  probe(): void {
    this.#transmit({ kind: "probe" });
  }

  progress(): void {
    this.user?.progress();
  }

  gaveUp(): void {
    this.host.note(`gives up on ${textOf(this.remote)}`);
    const { user } = this;
    this.#remove();
    this.#fail(user, "ETIMEDOUT");
  }

  schedule(callback: () => void, ms: number): FakeTimer {
    return this.host.wires.clock.schedule(() => {
      if (this.#state !== "over") callback();
    }, ms);
  }

  cancel(timer: FakeTimer | undefined): void {
    this.host.wires.clock.cancel(timer);
  }

  /** Ends it without a word to anybody. */
  vanish(): void {
    this.#remove();
  }

  #acknowledge(): void {
    const { next, room } = this.receiver;
    this.#advertised = room;
    this.#transmit({ kind: "ack", next, room });
  }

  #transmit(what: Omitted<Packet>): void {
    this.host.wires.send(this.host, { ...what, from: this.local, to: this.remote });
  }

  #fail(user: EndpointUser | null, code: FailureCode): void {
    this.failure = code;
    user?.failed(code);
  }

  /** Whether the program has closed the socket and both sides have ended. */
  get #isDone(): boolean {
    return this.#state === "left" && this.receiver.ended && this.#sender.isDone;
  }

  /**
   * The program has closed the socket, and the peer has everything, our end included. Then the kernel waits for the peer's end
   * (FIN_WAIT_2), and keeps the ports for a while if our side has ended first (TIME_WAIT).
   */
  #endIfDone(): void {
    if (this.#state !== "left" || !this.#sender.isDone) return;
    if (this.#isDone && !this.#endsFirst) this.#remove();
    else this.#lastWait ??= this.schedule(() => this.#waitForQueue(), LAST_WAIT_MS);
  }

  /** What the peer has sent meanwhile may be in the queue of a slow link. */
  #waitForQueue(): void {
    this.#lastWait = this.schedule(() => this.#remove(), this.queued);
  }

  #stopLastWait(): void {
    this.cancel(this.#lastWait);
    this.#lastWait = undefined;
  }

  #remove(): void {
    this.#state = "over";
    this.user = null;
    this.#sender.stop();
    this.cancel(this.#keepAliveTimer);
    this.#stopLastWait();
    if (this.host.endpoints.get(this.key) === this) this.host.endpoints.delete(this.key);
  }

  /**
   * Asks a silent peer if it is still there. While something is not acknowledged the kernel asks nothing: it sends that
   * again, until it gives up (tcp_keepalive_timer in Linux).
   */
  #watchSilence(options: typeof KEEP_ALIVE, asked: number): void {
    const askedAt = this.host.wires.clock.now();
    const left = this.#sender.isIdle ? this.#heardAt + options.delay - askedAt : options.delay;
    this.#keepAliveTimer = this.schedule(
      () => {
        const hasAnswered = asked > 0 && this.#heardAt >= askedAt;
        const isSilent = this.host.wires.clock.now() - this.#heardAt >= options.delay;
        if (hasAnswered || !isSilent || !this.#sender.isIdle) this.#watchSilence(options, 0);
        else if (asked >= options.count) this.gaveUp();
        else {
          this.probe();
          this.#watchSilence(options, asked + 1);
        }
      },
      asked === 0 ? left : options.interval + this.queued,
    );
  }
}

/** A packet without its addresses. */
type Omitted<T> = T extends unknown ? Omit<T, "from" | "to"> : never;
