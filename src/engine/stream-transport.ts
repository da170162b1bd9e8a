/**
 * A transport over any Duplex of Node's: a TLS socket, a child's stdio, one side of a pair. It uses what a stream shows
 * to everybody. Only the end is withheld from the stream until it is closed or handed over: nothing could be put back
 * into it after that.
 */
import { Buffer } from "node:buffer";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
import { BorrowedMethods } from "./borrowed-methods.js";
import { memoryChanged } from "./given-bytes.js";
import type { Payload } from "./payload.js";
import { OWNER } from "./stream-socket.js";
import type { Receiver, Taken, Transport } from "./transport.js";

/** Most bytes that the stream is given at once, so that progress can be seen. */
const PIECE = 64 * 1024;

/** How long a stream that is closed may take over what it was given before it is destroyed. */
const FINISHING = 500;

/** The ways to read a stream, which tell that somebody does, and the one way into it. */
const METHODS = ["push", "read", "resume", "on", "addListener"] as const;

type Method = (typeof METHODS)[number];

/** A stream, and the connection that has adopted it. */
interface OwnedStream extends Duplex {
  [OWNER]?: Receiver | undefined;
}

export class StreamTransport implements Transport {
  readonly stream: OwnedStream;
  readonly callsBackAtOnce = false;
  bytesTaken = 0;
  spent: boolean;
  readonly #allowHalfOpen: boolean;
  #unsent = 0;

  readonly #methods: BorrowedMethods<Duplex, Method>;
  /** Who is given the bytes and the end. */
  #intake: Receiver | null = null;
  #wanted = false;
  #pumping = false;
  /** The end has come, and the stream has not been told. */
  #withheld = false;
  #endTold = false;
  /** It is closed by us: what the stream says of that is no failure. */
  #closing = false;
  /** What is left of the payload being sent, and who is told when nothing is. */
  #pieces: Generator<Uint8Array, void> | null = null;
  #taken: Taken | null = null;
  /** Counts the pieces, and what has become of them; the one with this number is the stream's to take. */
  #piece = 0;

  constructor(stream: Duplex) {
    this.stream = stream;
    this.spent = stream.readableEnded;
    this.#allowHalfOpen = stream.allowHalfOpen;
    stream.allowHalfOpen = true;
    this.#methods = new BorrowedMethods(stream, (own) => this.#standIns(own), METHODS);
  }

  get destroyed(): boolean {
    return this.stream.destroyed;
  }

  /** What others have written and the stream has not taken goes first, and is counted. */
  get unsent(): number {
    return Math.max(this.#unsent, this.stream.writableLength);
  }

  attach(receiver: Receiver): void {
    const { stream } = this;
    stream[OWNER] = this.#intake = receiver;
    stream.on("error", this.#onError);
    stream.on("close", this.#onClose);
    stream.on("end", this.#onEnd);
    this.#methods.own.on.call(stream, "readable", this.#onReadable);
    if (stream.closed) nextTick(this.#onClose);
    else if (stream.readableEnded) nextTick(this.#onEnd);
    this.#wanted = true;
    this.#pump();
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

  send(payload: Payload, taken: Taken): void {
    if (this.stream.destroyed) return;
    const parts = typeof payload === "string" || payload instanceof Uint8Array ? [payload] : payload;
    const bytes = parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part));
    this.#unsent = bytes.reduce((size, part) => size + part.length, 0);
    this.#pieces = piecesOf(bytes);
    this.#taken = taken;
    this.#sendOn();
  }

  refused(): void {
    // Only what was taken is counted.
  }

  end(done: Taken): void {
    const { stream } = this;
    const isTaken = stream.writableLength === 0;
    this.#calling(() => {
      if (stream.writableEnded) return;
      if (isTaken) stream.end();
      else stream.end(done);
    });
    // Some streams finish only when their other side has read it all: this one has what it was given.
    if (isTaken || stream.writableFinished) done();
  }

  destroy(): void {
    const { stream } = this;
    if (this.#closing) return;
    this.#closing = true;
    this.#passEnd();
    if (stream.destroyed || !stream.writableEnded || stream.writableFinished) {
      this.#destroy();
      return;
    }
    const destroy = (): void => {
      clearTimeout(timer);
      this.#destroy();
    };
    const timer = setTimeout(destroy, FINISHING).unref();
    stream.once("finish", destroy).once("close", destroy);
  }

  reset(): void {
    this.#closing = true;
    this.#destroy();
  }

  release(unread: readonly Buffer[]): Duplex {
    const { stream } = this;
    stream[OWNER] = undefined;
    stream.off("error", this.#onError);
    stream.off("close", this.#onClose);
    stream.off("end", this.#onEnd);
    stream.allowHalfOpen = this.#allowHalfOpen;
    this.#letGo(unread);
    const left = this.#pieces;
    // The piece that the stream is taking is not among them.
    if (left !== null) for (const piece of left) stream.write(Buffer.from(piece));
    this.#pieces = this.#taken = null;
    return stream;
  }

  readonly #onError = (error: Error): void => {
    if (this.#closing) return;
    this.#pump(true);
    this.stream[OWNER]?.fail(error);
  };

  readonly #onClose = (): void => {
    this.#pump(true);
    this.stream[OWNER]?.gone();
  };

  readonly #onEnd = (): void => {
    this.spent = true;
    this.#tellEnd();
  };

  readonly #onReadable = (): void => {
    this.#pump();
  };

  /** Moves what the stream has to the receiver: until that wants no more, or `all`. */
  #pump(all = false): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#intake !== null && (all || this.#wanted)) {
      const chunk: unknown = this.#methods.own.read.call(this.stream);
      if (chunk === null) break;
      this.#arrived(chunk);
    }
    this.#pumping = false;
    if (this.#withheld && this.stream.readableLength === 0) this.#tellEnd();
  }

  #arrived(chunk: unknown): void {
    const { stream } = this;
    const receiver = this.#intake;
    if (receiver === null) {
      // The stream was handed over while it was read: so was this, unless somebody has got it as an event.
      if (stream.listenerCount("data") === 0) stream.unshift(chunk);
      return;
    }
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, stream.readableEncoding ?? "utf8") : chunk;
    if (bytes instanceof Uint8Array) {
      const { buffer, byteOffset, length } = bytes;
      if (length === 0) return;
      // Others may have the same chunk: what is read here is the reader's alone.
      this.#wanted = receiver.arrive(Buffer.from(buffer, byteOffset, length), length, true);
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
    this.#intake?.end();
  }

  /** Gives the stream piece after piece, for as long as it takes them at once. */
  #sendOn(): void {
    const { stream } = this;
    for (let next = this.#pieces?.next(); next?.done === false; next = this.#pieces?.next()) {
      const piece = next.value;
      const number = ++this.#piece;
      let returned = false;
      const took = (error?: Error | null): void => {
        if (number !== this.#piece) return;
        if (error) this.#over(error);
        else {
          this.#took(piece.length);
          if (returned) this.#sendOn();
        }
      };
      // Whoever gets it from the stream may keep it for longer than the stream does, so it is a copy.
      this.#calling(() => stream.write(Buffer.from(piece), took));
      returned = true;
      if (stream.destroyed) return;
      // Otherwise it has called back already.
      if (number === this.#piece) {
        if (stream.writableLength > 0 || stream.errored !== null) return;
        this.#took(piece.length);
      }
    }
    this.#over(this.#unsent === 0 ? undefined : memoryChanged());
  }

  /** The stream has taken all, or has failed. */
  #over(error?: Error): void {
    const taken = this.#taken;
    this.#piece++;
    this.#pieces = this.#taken = null;
    taken?.(error);
  }

  /** A stream that throws where it should call back has failed. */
  #calling(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.stream.destroy(error as Error);
    }
  }

  /** Not every stream says that it is closed. */
  #destroy(): void {
    const { stream } = this;
    if (stream.closed) {
      nextTick(this.#onClose);
      return;
    }
    const timer = setTimeout(this.#onClose, FINISHING).unref();
    stream.once("close", () => clearTimeout(timer));
    stream.destroy();
  }

  #took(size: number): void {
    this.#piece++;
    this.#unsent -= size;
    this.bytesTaken += size;
  }

  #standIns(own: Pick<Duplex, Method>): Pick<Duplex, Method> {
    const { stream } = this;
    const surrender = (): void => {
      if (this.#intake === null || this.spent || stream.destroyed) return;
      this.#letGo(this.#intake.surrender().unread);
    };
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Node's own types have it
    const on = (event: string | symbol, listener: (...args: any[]) => void): Duplex => {
      if (event === "data" || event === "readable") surrender();
      return own.on.call(stream, event as string, listener);
    };
    return {
      push: (chunk, encoding) => {
        if (chunk !== null || this.spent) return own.push.call(stream, chunk, encoding);
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

  /** Gives the stream its methods back, the bytes and the end: it is as it was, and whose it was. */
  #letGo(unread: readonly Buffer[]): void {
    const { stream } = this;
    if (this.#intake === null) return;
    this.#intake = null;
    stream.off("readable", this.#onReadable);
    this.#methods.giveBack();
    for (const chunk of unread.toReversed()) stream.unshift(chunk);
    this.#passEnd();
  }

  #passEnd(): void {
    if (!this.#withheld) return;
    this.#withheld = false;
    this.#methods.own.push.call(this.stream, null);
    this.#methods.own.read.call(this.stream, 0);
  }
}

function* piecesOf(parts: readonly Uint8Array[]): Generator<Uint8Array, void> {
  for (const part of parts) {
    for (let from = 0; from < part.length; from += PIECE) yield part.subarray(from, from + PIECE);
  }
}
