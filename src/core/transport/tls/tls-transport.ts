import { Socket } from "node:net";
import { nextTick } from "node:process";
import { joinedBytes, sizeOf, type Payload } from "../../bytes/payload.js";
import { fitsInto } from "../../bytes/pieces.js";
import { clock } from "../../timing/clock.js";
import { AdoptedSocketTransport } from "../adopted-socket.js";
import { onceFinished } from "../finish.js";
import { NodeCallback } from "../node-callback.js";
import { failed, type Outcome, type Taken } from "../outcome.js";
import { PieceSender } from "../piece-sender.js";
import { EVENTS, forgetConnection, SINK, type HandedSocket } from "../stream-socket.js";
import { isHandshaking } from "../stream-kinds.js";
import {
  isOnKernelSocket,
  isSendingBeneath,
  isUnreferredBeneath,
  resetWhole,
  streamAtBottom,
  streamBeneath,
  TLS_ERROR,
} from "../tls-internals.js";
import type { Sink, TransportEvents } from "../transport.js";
import { onceEndTaken, resetBeneath } from "./beneath.js";
import { EarlyInput } from "./early-input.js";
import { RecordWriter } from "./record-writer.js";
import { MAY_BE_CUT, type HandedTlsSocket } from "./tls-interception.js";

/** Most bytes that a socket is handed at once: it encrypts them all before it sends the first. */
const PIECE_BYTES = 256 * 1024;

/**
 * Most bytes of a write that is done when the kernel has it, a turn before Node says so. Its records have to be given to the
 * kernel in one call, which 64 KiB would be, too; but writes one after the other as large as that gain nothing.
 */
const SMALL_BYTES = 16 * 1024;

/**
 * Within this number of turns of the event loop the other side of a stream within this process ends it behind the close_notify. Each TLS in
 * TLS takes some: it sends a close_notify of its own.
 */
const TURNS_TO_END = 20;

/**
 * A transport over a TLS socket of Node's: read as the kernel's sockets are, past its Readable, and written past its
 * Writable.
 */
export class TlsTransport extends AdoptedSocketTransport {
  readonly #socket: HandedTlsSocket;
  readonly #writer: RecordWriter;
  readonly #isOnKernelSocket: boolean;
  /** Takes what arrives before {@link attach}. */
  #early: EarlyInput | null;
  /** Whether bytes are wanted. While the handshake is not done, the socket reads in any case. */
  #isWanted = false;
  /** Whether the connection has closed or reset the socket, which may take its time. */
  #isClosing = false;
  /** Sends what is too large to be handed over at once. */
  #large: PieceSender | null = null;
  /** Bytes of what the socket was handed and has not taken. */
  #given = 0;
  /** Called when the socket has taken them. */
  #taken: Taken | null = null;
  /** Bytes that were taken before. */
  #takenBytes = 0;
  /** Whether the handshake is done: a write is nothing but its records then. */
  #isSecure: boolean;
  /** Listens while it is not. */
  #onSecure: (() => void) | null = null;
  /** Whether a method of the socket that sends is running: what calls back from within is deferred. */
  #isGiving = false;

  constructor(socket: HandedTlsSocket, allowTruncation: boolean) {
    // What is put on the socket first is taken off last.
    const writer = RecordWriter.of(socket);
    socket[MAY_BE_CUT] = allowTruncation;
    super(socket, () => writer.loan);
    this.#socket = socket;
    this.#isOnKernelSocket = isOnKernelSocket(socket);
    this.#writer = writer;
    this.#early = socket[SINK] = socket[EVENTS] = new EarlyInput(this.takeEarly());
    this.#isSecure = !isHandshaking(socket);
    if (this.#isSecure) return;
    this.#onSecure = () => this.#becomeSecure();
    socket.once("secure", this.#onSecure);
  }

  override get callsBackAtOnce(): boolean {
    return false;
  }

  /** Over a stream that is no socket of the kernel's, only a call that waits does. */
  override get holdsProcess(): boolean {
    return this.#isOnKernelSocket;
  }

  override get unreferred(): boolean {
    return isUnreferredBeneath(this.#socket);
  }

  /** The socket beneath has one, but its bytes are not those of the connection. */
  override get descriptor(): number | undefined {
    return undefined;
  }

  /** Also true for a socket that will be destroyed when it has sent its end, or when the stream beneath is reset. */
  override get destroyed(): boolean {
    return this.#isClosing || this.stream.destroyed;
  }

  /** Counts also bytes that the program has written to the stream itself: they go first. */
  override get unsent(): number {
    if (this.stream.connecting) return Infinity;
    return Math.max(this.#given + (this.#large?.ahead ?? 0), this.stream.writableLength);
  }

  override get drained(): boolean {
    return this.stream.writableLength === 0 && !this.#writer.isWriting;
  }

  override get bytesTaken(): number {
    return this.#takenBytes;
  }

  override attach(sink: Sink, events: TransportEvents): void {
    super.attach(sink, events);
    this.stream.on(TLS_ERROR, onTlsError);
    if (!this.#isSecure) super.startReading();
    const early = this.#early;
    this.#early = null;
    early?.moveTo(sink, events);
  }

  override startReading(): void {
    this.#isWanted = true;
    super.startReading();
  }

  override stopReading(): void {
    this.#isWanted = false;
    if (this.#isSecure) super.stopReading();
  }

  override send(payload: Payload, taken: Taken): Outcome {
    if (fitsInto(PIECE_BYTES, payload)) {
      this.#large = null;
      return this.#give(payload, taken);
    }
    this.#large = new PieceSender(PIECE_BYTES, (piece, done) => this.#give(piece, done));
    return this.#large.send(payload, taken);
  }

  override refused(): void {
    // `bytesTaken` has never counted them.
  }

  /** The end is taken when the kernel has it, or the stream of JavaScript beneath, which may finish later. */
  override end(done: Taken): Outcome {
    const beneath = this.#isOnKernelSocket ? undefined : streamAtBottom(this.#socket);
    if (beneath === undefined) return super.end(done);
    const callback = new NodeCallback(done);
    onceEndTaken(beneath, callback.call);
    const outcome = super.end(callback.call);
    if (outcome === "pending") return callback.outcome();
    return outcome;
  }

  /** An end that is on its way is sent first: without it, the peer would take the stream for cut off. */
  override destroy(): void {
    if (this.destroyed) return;
    const { stream } = this;
    this.#isClosing = true;
    if (stream.writableEnded && !stream.writableFinished) onceFinished(stream, () => stream.destroy());
    else this.#destroyBehindEnd(TURNS_TO_END);
  }

  override reset(): void {
    if (this.destroyed) return;
    this.#isClosing = true;
    this.#ignoreErrors();
    // While a FIN is on its way libuv refuses, as it does for any socket.
    if (!this.#writer.isEnding) this.#resetBeneath();
    else if (isSendingBeneath(this.#socket)) this.stream.destroy();
    else
      onceFinished(this.stream, () => (this.#writer.isEnding ? this.stream.destroy() : this.#resetBeneath()));
  }

  protected override takeLeft(): Iterable<Payload> {
    return this.#large?.rest() ?? [];
  }

  protected override leave(): void {
    super.leave();
    this.stream.off(TLS_ERROR, onTlsError);
    if (this.#onSecure !== null) this.stream.off("secure", this.#onSecure);
    if (this.stream.errored !== null) this.#ignoreLateErrors();
  }

  /** The methods by which it is written stay until nothing is under way. */
  protected override giveBackMethods(): void {
    forgetConnection(this.stream);
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- as in SharedMethods
    delete this.#socket[MAY_BE_CUT];
    this.#writer.leave();
  }

  /** What a socket was destroyed with, it may say after its 'close': its handle closes at once if what is beneath has closed. */
  #ignoreLateErrors(): void {
    const { stream } = this;
    stream.on("error", ignore);
    clock.setImmediate(() => stream.off("error", ignore));
  }

  /**
   * What the socket says of a write that a reset cuts off, it may say after its 'close'. And a stream beneath may say that it
   * was destroyed, before any connection listens.
   */
  #ignoreErrors(): void {
    const { stream } = this;
    stream.on("error", ignore);
    stream.once("close", () => clock.setImmediate(() => stream.off("error", ignore)));
  }

  /** Resets the stream beneath; the socket closes with it. */
  #resetBeneath(): void {
    const { stream } = this;
    const raw = streamBeneath(stream);
    if (stream.destroyed) return;
    if (raw === undefined) {
      resetWhole(this.#socket);
      return;
    }
    resetBeneath(raw);
    // Some streams emit no `'close'`.
    if (!(raw instanceof Socket)) clock.setImmediate(() => stream.destroy());
  }

  /**
   * Destroys the socket: over a stream of JavaScript when that has brought its end, which follows the close_notify. The other
   * side of some streams cannot send the end any more once this side is destroyed: its writes are called back when they are
   * read here.
   */
  #destroyBehindEnd(turns: number): void {
    const { stream } = this;
    const isWaiting = turns > 0 && !this.#isOnKernelSocket && !stream.destroyed;
    if (isWaiting && streamAtBottom(this.#socket)?.readableEnded === false)
      clock.setImmediate(() => this.#destroyBehindEnd(turns - 1));
    else stream.destroy();
  }

  #give(payload: Payload, taken: Taken): Outcome {
    const { stream } = this;
    // Its 'close' settles everything.
    if (this.destroyed) return "pending";
    this.#given = sizeOf(payload);
    this.#taken = taken;
    this.#isGiving = true;
    try {
      // What the program wrote to the socket itself goes first.
      const isBehind = stream.writableLength > 0 || this.#writer.isBusy;
      if (isBehind) stream.write(joinedBytes(payload), this.#onTaken);
      else if (this.#writer.writePast(payload, this.#isSecure && this.#given <= SMALL_BYTES, this.#onTaken)) {
        this.#takenBytes += this.#given;
        this.#given = 0;
        this.#taken = null;
        return "taken";
      }
    } catch (error) {
      this.#given = 0;
      this.#taken = null;
      return failed(error);
    } finally {
      this.#isGiving = false;
    }
    return "pending";
  }

  readonly #onTaken: Taken = (error) => {
    if (this.#isGiving) {
      nextTick(this.#onTaken, error);
      return;
    }
    if (!error) this.#takenBytes += this.#given;
    this.#given = 0;
    const taken = this.#taken;
    this.#taken = null;
    taken?.(error);
    // What TLS itself has refused leaves nothing to be read. Node reports it here, and nowhere else.
    if ((error as NodeJS.ErrnoException | null | undefined)?.code === "EPROTO")
      this.#socket[EVENTS]?.failed(error);
  };

  #becomeSecure(): void {
    this.#isSecure = true;
    if (!this.#isWanted) super.stopReading();
  }
}

function ignore(): void {
  // The connection was reset.
}

function onTlsError(this: HandedSocket, error: Error): void {
  this[EVENTS]?.failed(error);
}
