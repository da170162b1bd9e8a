/**
 * A transport over any Duplex of Node's: a TLS socket, a child's stdio, one side of a pair. It uses what a stream shows
 * to everybody. Only the end is withheld from the stream until it is closed or handed over: nothing could be put back
 * into it after that.
 */
import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
import { BorrowedMethods } from "./borrowed-methods.js";
import { FINISH_TIMEOUT_MS, onceFinished } from "./finish.js";
import { withTextEncoded, isList, writeTo, type Payload } from "../bytes/payload.js";
import { NodeCallback } from "./node-callback.js";
import { descriptorOf, watchEnding } from "./node-internals.js";
import type { Outcome, Taken } from "./outcome.js";
import { PieceSender } from "./piece-sender.js";
import { StreamBacked } from "./stream-backed.js";
import { encodingOf, faultOfClose, faultOfEnd, hasEnded, isOver, wasEnded } from "./stream-kinds.js";
import { EVENTS } from "./stream-socket.js";
import { cancel, clock, type Timer } from "../timing/clock.js";
import type { Sink, Transport, TransportEvents } from "./transport.js";

/** Most bytes that a stream is given at once, so that progress can be seen. */
const PIECE_BYTES = 64 * 1024;

/** The ways to read a stream, which tell that somebody does, and the one way into it. */
const READING = ["push", "read", "resume", "on", "addListener"] as const;

type Reading = (typeof READING)[number];

/** A stream, and the connection that has adopted it. */
interface OwnedStream extends Duplex {
  [EVENTS]?: TransportEvents | undefined;
}

export class StreamTransport extends StreamBacked<OwnedStream> implements Transport {
  readonly callsBackAtOnce = false;
  readonly holdsProcess = false;
  readonly unreferred = false;
  spent: boolean;
  readonly #allowHalfOpen: boolean;
  readonly #pieces = new PieceSender(PIECE_BYTES, (piece, taken) => this.#givePiece(piece, taken));
  readonly #reading: BorrowedMethods<Duplex, Reading>;
  readonly #ending: { giveBack(): void };
  /** Where the bytes go; `null` before and after they go to a connection. */
  #sink: Sink | null = null;
  #wanted = false;
  #pumping = false;
  /** The stream is being given something: what it tells meanwhile has to wait. */
  #giving = false;
  /** The end has come, and the stream has not been told; and what is wrong with it. */
  #withheld = false;
  #fault: Error | null = null;
  #endTold = false;
  /** It is closed by us: what the stream says of that is no failure. */
  #closing = false;
  /** Who is told when the stream has taken all before its end, which we have given it, or will in the next turn. */
  #endTaken: Taken | null = null;
  #endSoon: Timer | undefined;
  #isEnded = false;
  /** Ends the wait for a `'close'` that does not come. */
  #closeTimer: Timer | undefined;

  constructor(stream: Duplex) {
    super(stream);
    this.spent = hasEnded(stream);
    this.#allowHalfOpen = stream.allowHalfOpen;
    stream.allowHalfOpen = true;
    this.#reading = new BorrowedMethods(stream, (own) => this.#readingOf(own), READING);
    this.#ending = watchEnding(stream, {
      taken: () => nextTick(() => this.#tellEndTaken()),
      destroying: () => this.#expectClose(),
      destroyed: () => {
        // Behind the events of that, if there are any. A socket's come later, when its handle is closed.
        if (!(stream instanceof Socket)) nextTick(this.#onClose);
      },
    });
  }

  get descriptor(): number | undefined {
    return descriptorOf(this.stream);
  }

  /** A stream that is to be destroyed once it has finished counts as well. */
  get destroyed(): boolean {
    return this.#closing || this.stream.destroyed;
  }

  /** What others have written and the stream has not taken goes first, and is counted. */
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
    this.#sink = sink;
    stream.on("error", this.#onError);
    stream.on("close", this.#onClose);
    stream.on("end", this.#onEnd);
    stream.on("finish", this.#onFinish);
    this.#reading.own.on.call(stream, "readable", this.#onReadable);
    const { errored } = stream as Partial<Duplex>;
    if (errored != null) nextTick(this.#onError, errored);
    if (stream.destroyed) this.#expectClose();
    else if (this.spent) nextTick(this.#onEnd);
    this.#wanted = true;
    this.#pump();
    if (wasEnded(stream)) events.outputEnded();
  }

  startReading(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    // Not at once: whoever ends reading may be about to hand over what the stream has.
    nextTick(this.#onReadable);
  }

  stopReading(): void {
    this.#wanted = false;
  }

  discardInput(): void {
    if (this.#sink === null) this.stream.resume();
  }

  send(payload: Payload, taken: Taken): Outcome {
    return this.#pieces.send(withTextEncoded(payload), taken);
  }

  refused(): void {
    // Only what was taken is counted.
  }

  /**
   * Ends the stream when the event loop has turned: Node's TLS sockets throw away the records that came with the one
   * being read if they are ended from there, and what is around one of these cannot be known.
   */
  end(done: Taken): Outcome {
    this.#isEnded = true;
    this.#endTaken = done;
    this.#endSoon = clock.setImmediate(() => this.#endNow());
    return "pending";
  }

  destroy(): void {
    const { stream } = this;
    if (this.#closing) return;
    this.#closing = true;
    if (this.#endSoon !== undefined) this.#endNow();
    this.#passEnd();
    if (stream.destroyed || !wasEnded(stream) || stream.writableFinished) this.#destroy();
    else onceFinished(stream, () => this.#destroy());
  }

  reset(): void {
    this.#closing = true;
    cancel(this.#endSoon);
    this.#destroy();
  }

  protected override giveBack(
    unread: readonly Buffer[],
    _ended: boolean,
    allowHalfOpen = this.#allowHalfOpen,
  ): void {
    this.#handBack(unread);
    this.#leave();
    this.stream.allowHalfOpen = allowHalfOpen;
    for (const piece of this.#pieces.rest()) writeTo(this.stream, piece);
  }

  readonly #onError = (error: Error): void => {
    if (this.#closing) return;
    if (this.#giving) {
      nextTick(this.#onError, error);
      return;
    }
    this.#pump(true);
    this.stream[EVENTS]?.failed(error);
  };

  readonly #onClose = (): void => {
    if (this.#giving) {
      nextTick(this.#onClose);
      return;
    }
    this.#pump(true);
    const events = this.stream[EVENTS];
    const fault = this.#closing ? null : faultOfClose(this.stream);
    if (fault !== null) events?.failed(fault);
    this.#handBack([]);
    this.#leave();
    events?.streamClosed();
  };

  readonly #onEnd = (): void => {
    this.spent = true;
    this.#tellEnd();
  };

  readonly #onFinish = (): void => {
    this.#tellEndTaken();
    if (!this.#isEnded) this.stream[EVENTS]?.outputEnded();
  };

  readonly #onReadable = (): void => {
    this.#pump();
  };

  /** Moves what the stream has to the sink: until that wants no more, or `all`. */
  #pump(all = false): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#sink !== null && (all || this.#wanted)) {
      const chunk: unknown = this.#reading.own.read.call(this.stream);
      if (chunk === null) break;
      this.#arrived(chunk);
    }
    this.#pumping = false;
    if (this.#withheld && this.stream.readableLength === 0) this.#tellEnd();
  }

  #arrived(chunk: unknown): void {
    const { stream } = this;
    const sink = this.#sink;
    if (sink === null) {
      // The stream was handed over while it was read: so was this, unless somebody has got it as an event.
      if (stream.listenerCount("data") === 0) stream.unshift(chunk);
      return;
    }
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encodingOf(stream) ?? "utf8") : chunk;
    if (bytes instanceof Uint8Array) {
      const { buffer, byteOffset, length } = bytes;
      if (length === 0) return;
      // Others may have the same chunk: what is read here is the reader's alone.
      this.#wanted = sink.arrive(Buffer.from(buffer, byteOffset, length), length, true);
    } else {
      const kind = `neither bytes nor text but ${typeof chunk}`;
      stream.destroy(
        Object.assign(new TypeError(`the stream yields ${kind}`), { code: "ERR_INVALID_ARG_TYPE" }),
      );
    }
  }

  #tellEnd(): void {
    if (this.#endTold) return;
    this.#endTold = true;
    if (this.#fault !== null) {
      this.stream.destroy(this.#fault);
      return;
    }
    if (this.#sink !== null) this.stream[EVENTS]?.peerEnded();
    // It is destroyed when its end was read.
    if (isOver(this.stream)) this.#passEnd();
  }

  #endNow(): void {
    const { stream } = this;
    cancel(this.#endSoon);
    this.#endSoon = undefined;
    // Some streams finish only when their other side has read it all: this one has what it was given.
    const isTaken = stream.writableLength === 0 || stream.writableFinished;
    this.#give(() => {
      if (!wasEnded(stream)) stream.end();
    });
    if (isTaken) this.#tellEndTaken();
  }

  #tellEndTaken(): void {
    const done = this.#endTaken;
    this.#endTaken = null;
    done?.();
  }

  #givePiece(piece: Payload, taken: Taken): Outcome {
    const { stream } = this;
    if (stream.destroyed) return "pending";
    const callback = new NodeCallback(taken);
    // Whoever gets it from the stream may keep it for longer than the stream does, so it is a copy.
    const copy = isList(piece) ? Buffer.concat(piece as Uint8Array[]) : Buffer.from(piece);
    this.#give(() => stream.write(copy, callback.call));
    const hasTaken = stream.writableLength === 0 && stream.errored === null && !stream.destroyed;
    if (hasTaken) callback.call();
    return callback.outcome();
  }

  /** A stream that throws where it should call back has failed. */
  #give(call: () => void): void {
    // The stream may run the program, and that call the connection.
    const isWithin = this.#giving;
    this.#giving = true;
    try {
      call();
    } catch (error) {
      this.stream.destroy(error as Error);
    } finally {
      this.#giving = isWithin;
    }
  }

  #destroy(): void {
    this.#expectClose();
    if (!this.stream.destroyed) this.stream.destroy();
  }

  /** Not every stream says that it is closed. */
  #expectClose(): void {
    const { stream } = this;
    if (stream.destroyed && stream.closed) nextTick(this.#onClose);
    else this.#closeTimer ??= clock.setTimeout(this.#onClose, FINISH_TIMEOUT_MS);
  }

  #readingOf(own: Pick<Duplex, Reading>): Pick<Duplex, Reading> {
    const { stream } = this;
    const surrender = (): void => {
      const events = stream[EVENTS];
      if (this.#sink === null || events === undefined || this.spent || stream.destroyed) return;
      this.#handBack(events.handOverToStream().unread);
    };
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Node's own types have it
    const on = (event: string | symbol, listener: (...args: any[]) => void): Duplex => {
      if (event === "data" || event === "readable") surrender();
      return own.on.call(stream, event as string, listener);
    };
    return {
      push: (chunk, encoding) => {
        if (chunk !== null || this.spent || this.#sink === null) {
          return own.push.call(stream, chunk, encoding);
        }
        if (!this.#withheld) this.#fault = faultOfEnd(stream);
        this.#withheld = true;
        nextTick(this.#onReadable);
        return false;
      },
      read: (size) => {
        // Node's own way to get things going.
        if (size !== 0) surrender();
        return own.read.call(stream, size) as unknown;
      },
      resume: () => {
        surrender();
        return own.resume.call(stream);
      },
      on,
      addListener: on,
    };
  }

  /** Gives the stream back its methods of reading, the bytes and the end. */
  #handBack(unread: readonly Buffer[]): void {
    const { stream } = this;
    if (this.#sink === null) return;
    this.#sink = null;
    // By this name: `off` of some packages' streams is not their own, and leaves them paused.
    stream.removeListener("readable", this.#onReadable);
    this.#reading.giveBack();
    const encoding = encodingOf(stream);
    if (encoding === null) for (const chunk of unread.toReversed()) stream.unshift(chunk);
    else if (unread.length > 0) stream.unshift(Buffer.concat(unread).toString(encoding), encoding);
    this.#passEnd();
  }

  #passEnd(): void {
    if (!this.#withheld) return;
    this.#withheld = false;
    this.#reading.own.push.call(this.stream, null);
    this.#reading.own.read.call(this.stream, 0);
  }

  /** Leaves the stream as it was: closed, or somebody else's. */
  #leave(): void {
    const { stream } = this;
    if (stream[EVENTS] === undefined) return;
    Reflect.deleteProperty(stream, EVENTS);
    cancel(this.#closeTimer);
    this.#ending.giveBack();
    stream.allowHalfOpen = this.#allowHalfOpen;
    stream.removeListener("close", this.#onClose);
    stream.removeListener("end", this.#onEnd);
    stream.removeListener("finish", this.#onFinish);
    // One that does not say that it is closed may fail yet, which then is no matter of anybody's.
    if (!this.#closing || stream.closed) stream.removeListener("error", this.#onError);
  }
}
