/** The hand-over between Node's sockets and a connection: how each kind of socket becomes a transport. */
import { Buffer } from "node:buffer";
import { nextTick } from "node:process";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { claim, leave, leaveWhenClosed } from "./claimed-sockets.js";
import { writeDirectly } from "./direct-write.js";
import { HANDING, type HandingLoan } from "./interception.js";
import { withTextEncoded, isList, joinedBytes, sizeOf, type Payload } from "../bytes/payload.js";
import { fitsInto } from "../bytes/pieces.js";
import { NodeCallback } from "./node-callback.js";
import { failed, type Outcome, type Taken } from "./outcome.js";
import { PieceSender } from "./piece-sender.js";
import {
  descriptorOf,
  holdWrites,
  isCountedIfRefused,
  isUnreferred,
  startReading,
  stopReading,
  takenFrom,
  tellsUnsent,
  unsentOf,
  unstarted,
  worksPastStreams,
  write,
  writeList,
  type Handle,
} from "./node-internals.js";
import { resetSocket } from "./reset-socket.js";
import { SocketStreamTransport } from "./socket-stream.js";
import {
  EVENTS,
  forgetConnection,
  onread,
  pauseForTurn,
  handOverUnread,
  READ_SIZE,
  SINK,
  StreamSocket,
  TAKEN,
} from "./stream-socket.js";
import type { HandedSocket } from "./stream-socket.js";
import { StreamBacked } from "./stream-backed.js";
import { TransportStream } from "./transport-stream.js";
import type { Sink, Transport, TransportEvents } from "./transport.js";

/**
 * Most bytes that a socket is handed at once. Node and libuv count what is being written in 32 bits: Node refuses a list
 * (`ENOBUFS`) whose texts would have 2 GiB at three bytes for each code unit, and reports 4 GiB that wait as 0.
 */
export const MAX_HANDED_BYTES = 128 * 1024 * 1024;

/** The same where a handle does not know what the kernel has taken: there, the callback of each piece says so. */
const PIECE_BYTES = 64 * 1024;

/**
 * A socket to connect with, or around a handle that a server has accepted. Nothing is read from it until a transport says
 * so; {@link transportOf} makes one when it has connected.
 */
export function newSocket(handle?: Handle): Socket {
  return new StreamSocket(unstarted(handle, onread));
}

/**
 * A transport over a socket that a server has accepted and no code has read from. The servers of a network that is not the
 * system's give streams over transports in their place.
 */
export function takeOver(accepted: Socket): Transport {
  claim(accepted);
  const client: Duplex = accepted;
  if (client instanceof TransportStream) {
    leaveWhenClosed(accepted);
    return client.giveBack();
  }
  if (!worksPastStreams()) return streamTransportOf(accepted);
  const loan = loanOf(accepted);
  startAfresh(accepted);
  return new SocketTransport(accepted, loan);
}

/** Makes a socket hand over what arrives, as the sockets of {@link newSocket} always do. */
export function loanOf(socket: HandedSocket): HandingLoan | null {
  return socket instanceof StreamSocket ? null : HANDING.lendTo(socket);
}

/** A transport over a socket that is used as any Duplex is. */
function streamTransportOf(socket: Socket): Transport {
  startAfresh(socket);
  // What `detach()` leaves by default: the socket ends when its peer does.
  socket.allowHalfOpen = false;
  leaveWhenClosed(socket);
  return new SocketStreamTransport(socket);
}

/** Has a stream neither paused nor flowing, as a new one: an accepted socket was paused, an adopted one may flow. */
export function startAfresh(socket: Socket): void {
  (socket as { readableFlowing: boolean | null }).readableFlowing = null;
}

/** A transport over a socket of {@link newSocket} that has connected. */
export function transportOf(connected: Socket): Transport {
  return worksPastStreams() ? new SocketTransport(connected) : streamTransportOf(connected);
}

/** A transport over a socket of the kernel's. */
export class SocketTransport extends StreamBacked<HandedSocket> implements Transport {
  /** Whether the socket stays open at the end of its peer once it is detached, if the caller does not say. */
  protected readonly allowHalfOpen: boolean = false;
  readonly #loan: HandingLoan | null;
  #onGone: (() => void) | null = null;
  /** Bytes that the kernel had taken when the socket was given back. */
  #takenBefore: number | undefined;
  /** Bytes that the handle was given, and the kernel has refused. */
  #lost = 0;
  /** Sends everything, where the handle does not tell what the kernel has taken. */
  #counting: PieceSender | null = null;
  /** What is being sent, if that is too much to be handed over at once. */
  #large: PieceSender | null = null;

  /** @param loan - what a socket that is not of the library's own has of it; `null` for one of the library's own */
  constructor(socket: HandedSocket, loan: HandingLoan | null = null) {
    super(socket);
    this.#loan = loan;
  }

  // Getters, since a field is memory of each connection.

  get callsBackAtOnce(): boolean {
    return true;
  }

  get holdsProcess(): boolean {
    return true;
  }

  get unreferred(): boolean {
    return isUnreferred(this.stream);
  }

  get descriptor(): number | undefined {
    return descriptorOf(this.stream);
  }

  get destroyed(): boolean {
    return this.stream.destroyed;
  }

  /** Whether the stream had ended before it was ours. */
  get spent(): boolean {
    return this.stream.readableEnded;
  }

  get unsent(): number {
    if (this.#counting !== null) return this.#counting.unsent;
    return (unsentOf(this.stream) ?? Infinity) + (this.#large?.ahead ?? 0);
  }

  get drained(): boolean {
    return this.stream.writableLength === 0 && !((unsentOf(this.stream) ?? 0) > 0);
  }

  get bytesTaken(): number {
    if (this.#counting !== null) return this.#counting.taken;
    return this.#takenFromStream - this.#lost;
  }

  attach(sink: Sink, events: TransportEvents): void {
    this.stream[SINK] = sink;
    this.stream[EVENTS] = events;
    this.stream.on("error", onError);
    this.stream.on("close", onClose);
    if (this.leavesWhenClosed) this.stream.on("close", (this.#onGone = () => this.leave()));
    if (!this.stream.closed) return;
    nextTick(() => {
      events.streamClosed();
      this.leave();
    });
  }

  startReading(): void {
    if (!this.stream.destroyed) startReading(this.stream, READ_SIZE);
  }

  stopReading(): void {
    stopReading(this.stream);
  }

  discardInput(): void {
    if (this.stream[SINK] === undefined) this.stream.resume();
  }

  send(payload: Payload, taken: Taken): Outcome {
    if (!tellsUnsent(this.stream)) {
      this.#counting ??= new PieceSender(
        PIECE_BYTES,
        (piece, done) => this.#sendAtOnce(joinedBytes(piece), done),
        this.bytesTaken,
      );
      return this.#counting.send(withTextEncoded(payload), taken);
    }
    if (fitsInto(MAX_HANDED_BYTES, payload)) {
      this.#large = null;
      const outcome = this.#sendAtOnce(payload, taken);
      // The caller reports it as refused.
      if (outcome === "failed" && !isCountedIfRefused(payload)) this.#lost -= sizeOf(payload);
      return outcome;
    }
    this.#large = new PieceSender(MAX_HANDED_BYTES, (piece, done) => this.#sendAtOnce(piece, done));
    return this.#large.send(payload, taken);
  }

  #sendAtOnce(payload: Payload, taken: Taken): Outcome {
    const { stream } = this;
    // Its 'close' settles everything.
    if (stream.destroyed) return "pending";
    // What the program wrote to the stream itself goes first.
    const isBehind = stream.writableLength > 0;
    try {
      // Past the Writable's own queue: the output keeps one, and a reply can be read after a write has failed.
      if (!isBehind && this.#counting === null) {
        const outcome = writeDirectly(stream, payload, taken);
        if (outcome !== null) return outcome;
      }
      const callback = callbackOf(stream, taken);
      if (isBehind) stream.write(isList(payload) ? joinedBytes(payload) : payload, callback.call);
      else if (!isList(payload)) write(stream, payload, callback.call);
      else if (!writeList(stream, payload, callback.call)) write(stream, joinedBytes(payload), callback.call);
      return callback.outcome();
    } catch (error) {
      return failed(error);
    }
  }

  refused(size: number): void {
    // The handle does not know of what it was never given.
    this.#lost += Math.max(0, size - (this.#large?.ahead ?? 0));
  }

  end(done: Taken): Outcome {
    if (this.stream.writableFinished) return "taken";
    const callback = callbackOf(this.stream, done);
    this.stream.end(callback.call);
    return callback.outcome();
  }

  destroy(): void {
    this.stream.destroy();
  }

  reset(): void {
    if (!this.stream.destroyed) resetSocket(this.stream);
  }

  protected override giveBack(
    unread: readonly Buffer[],
    ended: boolean,
    allowHalfOpen = this.allowHalfOpen,
  ): void {
    const wasAttached = this.stream[EVENTS] !== undefined;
    this.leave();
    leaveWhenClosed(this.stream);
    this.stream.allowHalfOpen = allowHalfOpen;
    if (!wasAttached) return;
    const left = this.takeLeft();
    pauseForTurn(this.stream);
    handOverUnread(this.stream, unread, ended);
    this.writeRest(left, () => resetSocket(this.stream));
  }

  /** Whether there is anything to be left: the library's own sockets go with their connection. */
  protected get leavesWhenClosed(): boolean {
    return this.#loan !== null;
  }

  /** Leaves the socket as it was; it is closed, or has another owner. */
  protected leave(): void {
    const { stream } = this;
    stream.off("error", onError);
    stream.off("close", onClose);
    if (this.#onGone !== null) stream.off("close", this.#onGone);
    stream[SINK] = stream[EVENTS] = undefined;
    this.#takenBefore ??= this.#takenFromStream;
    if (this.#loan !== null) this.giveBackMethods(this.#loan);
  }

  /** Leaves nothing on the socket of what was put there. */
  protected giveBackMethods(loan: HandingLoan): void {
    forgetConnection(this.stream);
    loan.giveBack(this.stream);
  }

  get #takenFromStream(): number {
    return this.#takenBefore ?? this.stream[TAKEN] ?? takenFrom(this.stream);
  }

  /**
   * Takes out what the handle was not given yet. A piece that it is sending, and its stream does not know of, is told to
   * the stream, with a write of nothing that is done when the piece is: some runtimes would otherwise begin the next
   * write, or end, in the middle of it.
   */
  protected takeLeft(): Iterable<Payload> {
    const { stream } = this;
    const pieces = this.#counting ?? this.#large;
    if (pieces === null) return [];
    if (pieces !== this.#counting || !pieces.isWaiting || stream.writableLength > 0) return pieces.rest();
    let next: Taken | null = null;
    holdWrites(stream, (done) => (next = done));
    return pieces.rest((error) => next?.(error));
  }
}

/**
 * Sockets of our own call back exactly once. The methods of a socket of the program's may be wrapped: a callback that came
 * twice would be taken for that of another connection, if one object served both.
 */
function callbackOf(socket: HandedSocket, taken: Taken): NodeCallback {
  return socket instanceof StreamSocket ? NodeCallback.reused(taken) : new NodeCallback(taken);
}

function onError(this: HandedSocket, error: Error): void {
  this[EVENTS]?.failed(error);
}

function onClose(this: HandedSocket): void {
  leave(this);
  this[EVENTS]?.streamClosed();
}
