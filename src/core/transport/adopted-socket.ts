/** A kernel socket that the program has made: how it becomes a transport, and is given back as it was. */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { nextTick } from "node:process";
import { bytesOf } from "../bytes/payload.js";
import { claim, leaveWhenClosed } from "./claimed-sockets.js";
import type { HandingLoan } from "./interception.js";
import { loanOf, SocketTransport, startAfresh } from "./kernel.js";
import { StreamTransport } from "./duplex.js";
import { begunCharacter, worksPastStreams } from "./node-internals.js";
import { SocketStreamTransport } from "./socket-stream.js";
import { EVENTS, SINK, type HandedSocket } from "./stream-socket.js";
import { TransportStream } from "./transport-stream.js";
import type { Sink, Transport, TransportEvents } from "./transport.js";

/** A transport over a socket that the program has made, and perhaps used. */
export function adoptSocket(socket: Socket): Transport {
  return new AdoptedSocketTransport(socket);
}

/** A transport over a socket that a server has accepted, and that was read as a stream: what is left in that is read first. */
export function takeOverRead(accepted: Socket): Transport {
  claim(accepted);
  // What `detach()` leaves by default: the socket ends when its peer does.
  accepted.allowHalfOpen = false;
  const isOfSystem = !((accepted as Duplex) instanceof TransportStream);
  if (isOfSystem && worksPastStreams()) {
    startAfresh(accepted);
    return adoptSocket(accepted);
  }
  leaveWhenClosed(accepted);
  if (!isOfSystem) return new StreamTransport(accepted);
  return new SocketStreamTransport(accepted);
}

/** A socket that had a life before: it may have been read from, written to, and ended. */
export class AdoptedSocketTransport extends SocketTransport {
  protected override readonly allowHalfOpen: boolean;
  readonly #hadEnded: boolean;
  readonly #wasFlowing: boolean | null;
  #early: readonly Buffer[];

  constructor(socket: HandedSocket, lend: (socket: HandedSocket) => HandingLoan | null = loanOf) {
    const { allowHalfOpen, readableFlowing, readableEnded } = socket;
    super(socket, lend(socket));
    // What the program has paused stays so: a 'data' listener does not have it flow.
    if (readableFlowing === true) startAfresh(socket);
    this.allowHalfOpen = allowHalfOpen;
    this.#hadEnded = readableEnded;
    this.#wasFlowing = readableFlowing;
    socket.allowHalfOpen = true;
    // Asking a socket that is not connected yet would have it read as soon as it is.
    this.#early = socket.connecting ? [] : unreadOf(socket);
  }

  protected override get hadEnded(): boolean {
    return this.#hadEnded;
  }

  /** Takes out what the socket had read before it was adopted. */
  protected takeEarly(): readonly Buffer[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }

  override startReading(): void {
    if (!this.#hadEnded) super.startReading();
  }

  /** What its maker has written goes first, and is counted; while it connects, nothing is sent. */
  override get unsent(): number {
    return this.stream.connecting ? Infinity : super.unsent + this.stream.writableLength;
  }

  override get bytesTaken(): number {
    return this.stream.connecting ? 0 : super.bytesTaken;
  }

  override attach(sink: Sink, events: TransportEvents): void {
    super.attach(sink, events);
    if (!sink.readsAhead) this.stopReading();
    for (const chunk of this.takeEarly()) sink.arrive(chunk, chunk.length, true);
    if (this.stream.readableEnded) nextTick(() => onEnd.call(this.stream));
    else this.stream.on("end", onEnd);
    this.stream.on("finish", onFinish);
    if (this.stream.writableEnded) events.outputEnded();
  }

  protected override giveBack(
    unread: readonly Buffer[],
    ended: boolean,
    allowHalfOpen: boolean | undefined,
  ): void {
    const { stream } = this;
    const isFlowing = stream.readableFlowing;
    // Its Readable may have asked for bytes before it was adopted, and would not ask again.
    this.startReading();
    super.giveBack(unread, ended, allowHalfOpen);
    if (isFlowing !== null) return;
    if (this.#wasFlowing === false) stream.pause();
    else if (this.#wasFlowing && !stream.destroyed) stream.resume();
  }

  protected override get leavesWhenClosed(): boolean {
    return true;
  }

  protected override leave(): void {
    super.leave();
    this.stream.off("end", onEnd);
    this.stream.off("finish", onFinish);
    this.stream.allowHalfOpen = this.allowHalfOpen;
  }
}

function onEnd(this: HandedSocket): void {
  if (this[SINK] !== undefined) this[EVENTS]?.peerEnded();
}

function onFinish(this: HandedSocket): void {
  this[EVENTS]?.outputEnded();
}

/** Takes out all that a socket has read and its users have not, chunk by chunk as some releases give it. */
function unreadOf(socket: Socket): Buffer[] {
  const unread: Buffer[] = [];
  for (let chunk = read(socket); chunk !== null; chunk = read(socket)) {
    unread.push(bytesOf(chunk, socket.readableEncoding));
  }
  const begun = begunCharacter(socket);
  if (begun.length > 0) unread.push(begun);
  return unread;
}

function read(socket: Socket): Buffer | string | null {
  return socket.read() as Buffer | string | null;
}
