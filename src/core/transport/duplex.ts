/**
 * A transport over any Duplex of Node's: a TLS socket, a child's stdio, one side of a pair. It uses the public methods and
 * events of the stream; stream-intake.ts has the receiving half.
 */
import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
import { FINISH_TIMEOUT_MS, onceFinished } from "./finish.js";
import { withTextEncoded, isList, type Payload } from "../bytes/payload.js";
import { NodeCallback } from "./node-callback.js";
import { watchEnding } from "./node-internals.js";
import type { Outcome, Taken } from "./outcome.js";
import { PieceSender } from "./piece-sender.js";
import { StreamBacked } from "./stream-backed.js";
import { StreamIntake, type OwnedStream } from "./stream-intake.js";
import { faultOfClose, wasEnded } from "./stream-kinds.js";
import { EVENTS } from "./stream-socket.js";
import { cancel, clock, type Timer } from "../timing/clock.js";
import { TransportStream } from "./transport-stream.js";
import type { Sink, Transport, TransportEvents } from "./transport.js";

/** Most bytes that a stream is given at once, so that progress can be seen. */
const PIECE_BYTES = 64 * 1024;

/** Our own end of the stream. */
type OwnEnd =
  | { readonly kind: "open" }
  /** The next turn calls `end()` of the stream. */
  | { readonly kind: "due"; readonly timer: Timer; readonly taken: Taken }
  /** The stream was ended, and has not taken all bytes before the end. */
  | { readonly kind: "given"; readonly taken: Taken }
  | { readonly kind: "ended" };

const OPEN: OwnEnd = { kind: "open" };
const ENDED: OwnEnd = { kind: "ended" };

export class StreamTransport extends StreamBacked<OwnedStream> implements Transport {
  readonly callsBackAtOnce = false;
  readonly #hadEnded: boolean;
  readonly #allowHalfOpen: boolean;
  readonly #pieces = new PieceSender(PIECE_BYTES, (piece, taken) => this.#givePiece(piece, taken));
  readonly #intake: StreamIntake;
  readonly #ending: { giveBack(): void };
  #ownEnd = OPEN;
  /** A method of the stream that sends is running: events that the stream emits meanwhile are deferred. */
  #isGiving = false;
  /** The connection closes the stream: errors that it emits from then on are no failures. */
  #isClosing = false;
  /** Ends the wait for `'close'`, which some streams never emit. */
  #closeTimer: Timer | undefined;

  constructor(stream: Duplex) {
    super(stream);
    this.#intake = new StreamIntake(stream);
    this.#hadEnded = this.#intake.spent;
    this.#allowHalfOpen = stream.allowHalfOpen;
    stream.allowHalfOpen = true;
    this.#ending = watchEnding(stream, {
      taken: () => nextTick(() => this.#tellEndTaken()),
      destroying: () => this.#expectClose(),
      destroyed: () => {
        // After the stream's own events. A socket emits them later, when its handle is closed.
        if (!(stream instanceof Socket)) nextTick(this.#onClose);
      },
    });
  }

  /** The socket beneath a TLS socket has one, but its bytes are not those of the connection. */
  get descriptor(): number | undefined {
    return undefined;
  }

  get holdsProcess(): boolean {
    return false;
  }

  get unreferred(): boolean {
    return false;
  }

  /** Whether the stream can be ended from anywhere, see {@link end}, and finishes when the kernel has all of it. */
  protected get endsAtOnce(): boolean {
    return false;
  }

  protected override get hadEnded(): boolean {
    return this.#hadEnded;
  }

  get spent(): boolean {
    return this.#intake.spent;
  }

  /** Also true for a stream that will be destroyed when it has finished. */
  get destroyed(): boolean {
    return this.#isClosing || this.stream.destroyed;
  }

  /** Counts also bytes that the program has written to the stream itself: they go first. */
  get unsent(): number {
    return Math.max(this.#pieces.unsent, this.stream.writableLength);
  }

  get bytesTaken(): number {
    return this.#pieces.taken;
  }

  get drained(): boolean {
    return this.stream.writableLength === 0;
  }

  attach(sink: Sink, events: TransportEvents): void {
    const { stream } = this;
    stream[EVENTS] = events;
    stream.on("error", this.#onError);
    stream.on("close", this.#onClose);
    stream.on("finish", this.#onFinish);
    const { errored } = stream as Partial<Duplex>;
    if (errored != null) nextTick(this.#onError, errored);
    if (stream.destroyed) this.#expectClose();
    this.#intake.attach(sink);
    if (wasEnded(stream)) events.outputEnded();
  }

  startReading(): void {
    this.#intake.start();
  }

  stopReading(): void {
    this.#intake.stop();
  }

  discardInput(): void {
    if (!this.#intake.isAttached) this.stream.resume();
  }

  send(payload: Payload, taken: Taken): Outcome {
    return this.#pieces.send(withTextEncoded(payload), taken);
  }

  refused(): void {
    // `bytesTaken` has never counted them.
  }

  /**
   * Ends the stream in the next turn of the event loop. A TLS socket that is ended while it emits a record throws away the
   * records that arrived with it, and a stream does not tell whether there is a TLS socket beneath.
   */
  end(done: Taken): Outcome {
    if (this.endsAtOnce) return this.#endAtOnce(done);
    const timer = clock.setImmediate(() => this.#endNow());
    this.#ownEnd = { kind: "due", timer, taken: done };
    return "pending";
  }

  #endAtOnce(done: Taken): Outcome {
    const { stream } = this;
    this.#ownEnd = { kind: "given", taken: done };
    if (stream.writableFinished) this.#ownEnd = ENDED;
    else if (!wasEnded(stream)) stream.end();
    return stream.writableFinished ? "taken" : "pending";
  }

  destroy(): void {
    const { stream } = this;
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#endNow();
    this.#intake.passEnd();
    if (stream.destroyed || !wasEnded(stream) || stream.writableFinished) this.#destroy();
    else onceFinished(stream, () => this.#destroy());
  }

  reset(): void {
    this.#isClosing = true;
    if (this.#ownEnd.kind === "due") cancel(this.#ownEnd.timer);
    this.#expectClose();
    if (!this.stream.destroyed) this.resetStream();
  }

  /** A Duplex knows no reset, unless it is over a transport. */
  protected resetStream(): void {
    const stream: Duplex = this.stream;
    if (stream instanceof TransportStream) stream.reset();
    else stream.destroy();
  }

  protected override giveBack(
    unread: readonly Buffer[],
    _ended: boolean,
    allowHalfOpen = this.#allowHalfOpen,
  ): void {
    this.#intake.handBack(unread);
    this.#leave();
    this.stream.allowHalfOpen = allowHalfOpen;
    this.writeRest(this.#pieces.rest(), () => this.resetStream());
  }

  readonly #onError = (error: Error): void => {
    if (this.#isClosing) return;
    if (this.#isGiving) {
      nextTick(this.#onError, error);
      return;
    }
    this.#intake.pump(true);
    this.stream[EVENTS]?.failed(error);
  };

  readonly #onClose = (): void => {
    if (this.#isGiving) {
      nextTick(this.#onClose);
      return;
    }
    this.#intake.pump(true);
    const events = this.stream[EVENTS];
    const fault = this.#isClosing ? null : faultOfClose(this.stream);
    if (fault !== null) events?.failed(fault);
    this.#intake.handBack([]);
    this.#leave();
    events?.streamClosed();
  };

  readonly #onFinish = (): void => {
    if (this.#ownEnd.kind === "open") this.stream[EVENTS]?.outputEnded();
    else this.#tellEndTaken();
  };

  /** Ends the stream, if that is due. */
  #endNow(): void {
    const { stream } = this;
    const end = this.#ownEnd;
    if (end.kind !== "due") return;
    cancel(end.timer);
    this.#ownEnd = { kind: "given", taken: end.taken };
    // Not at `'finish'`: some streams finish only when their other side has read everything.
    const isTaken = stream.writableLength === 0 || stream.writableFinished;
    this.#give(() => {
      if (!wasEnded(stream)) stream.end();
    });
    if (isTaken) this.#tellEndTaken();
  }

  /** The stream has taken all bytes before its end. */
  #tellEndTaken(): void {
    const end = this.#ownEnd;
    if (end.kind === "open" || end.kind === "ended") return;
    if (end.kind === "due") cancel(end.timer);
    this.#ownEnd = ENDED;
    end.taken();
  }

  #givePiece(piece: Payload, taken: Taken): Outcome {
    const { stream } = this;
    if (stream.destroyed) return "pending";
    const callback = new NodeCallback(taken);
    // A copy, since the stream may pass the chunk on to a reader that keeps it.
    const copy = isList(piece) ? Buffer.concat(piece as Uint8Array[]) : Buffer.from(piece);
    this.#give(() => stream.write(copy, callback.call));
    const hasTaken = stream.writableLength === 0 && stream.errored === null && !stream.destroyed;
    if (hasTaken) callback.call();
    return callback.outcome();
  }

  /** Calls a method of the stream that sends. A stream that throws from it has failed. */
  #give(call: () => void): void {
    // The stream may run the program, which may send again.
    const isWithin = this.#isGiving;
    this.#isGiving = true;
    try {
      call();
    } catch (error) {
      this.stream.destroy(error as Error);
    } finally {
      this.#isGiving = isWithin;
    }
  }

  #destroy(): void {
    this.#expectClose();
    if (!this.stream.destroyed) this.stream.destroy();
  }

  /** Waits for `'close'`, for at most {@link FINISH_TIMEOUT_MS}. */
  #expectClose(): void {
    const { stream } = this;
    if (stream.destroyed && stream.closed) nextTick(this.#onClose);
    else this.#closeTimer ??= clock.setTimeout(this.#onClose, FINISH_TIMEOUT_MS);
  }

  /** Takes everything that the connection has put on the stream off it again. */
  #leave(): void {
    const { stream } = this;
    if (stream[EVENTS] === undefined) return;
    Reflect.deleteProperty(stream, EVENTS);
    cancel(this.#closeTimer);
    this.#ending.giveBack();
    stream.allowHalfOpen = this.#allowHalfOpen;
    stream.removeListener("close", this.#onClose);
    this.#intake.leave();
    stream.removeListener("finish", this.#onFinish);
    // A stream that has not emitted `'close'` may still emit an error, which this listener has to handle.
    if (!this.#isClosing || stream.closed) stream.removeListener("error", this.#onError);
  }
}
