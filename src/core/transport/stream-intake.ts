/**
 * The receiving half of an adopted stream. Bytes go to the connection's sink. The end is withheld from the stream until
 * that is closed or handed over: after its end nothing could be put back into it. A program that reads the stream itself
 * gets the unread bytes and the end, and the connection nothing more.
 */
import { Buffer } from "node:buffer";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
import { isUint8Array } from "node:util/types";
import { BorrowedMethods } from "./borrowed-methods.js";
import { stopListening } from "./node-internals.js";
import { encodingOf, faultOfEnd, hasEnded, isOver, isResting } from "./stream-kinds.js";
import { EVENTS } from "./stream-socket.js";
import type { Sink, TransportEvents } from "./transport.js";

/** A stream, and the connection that has adopted it. */
export interface OwnedStream extends Duplex {
  [EVENTS]?: TransportEvents | undefined;
}

/** The methods that read a stream, and `push`, which fills it. */
const READING = ["push", "read", "resume", "on", "addListener"] as const;

/** A stream that is read by `read()` emits `'data'`, too: the listeners that it had before it was adopted must not get it. */
const READING_WITH_LISTENERS = [...READING, "emit"] as const;

type Reading = (typeof READING_WITH_LISTENERS)[number];

/** Who has been told of the peer's end: the connection, and the users of the stream. */
type PeerEnd =
  /** Neither: it has not arrived, or is on its way through the stream. */
  | { readonly kind: "ahead" }
  /** Neither: it has arrived, and the stream does not know. `fault` is the error that it stands for. */
  | { readonly kind: "withheld"; readonly fault: Error | null }
  /** Only the connection. */
  | { readonly kind: "told" }
  /** The connection, and the stream. */
  | { readonly kind: "over" };

const AHEAD: PeerEnd = { kind: "ahead" };
const TOLD: PeerEnd = { kind: "told" };
const OVER: PeerEnd = { kind: "over" };

export class StreamIntake {
  /** Whether the stream has emitted `'end'`: nothing can be put back into it. */
  spent: boolean;
  readonly #stream: OwnedStream;
  readonly #methods: BorrowedMethods<Duplex, Reading>;
  /** Whether the stream flowed before it was adopted. */
  readonly #wasFlowing: boolean | null;
  /** Where the bytes go; `null` before {@link attach} and after {@link handBack}. */
  #sink: Sink | null = null;
  #isWanted = false;
  /** Whether the stream was asked for bytes. Until then it is left as it is. */
  #isAsked = false;
  #isPumping = false;
  #peerEnd: PeerEnd = AHEAD;

  constructor(stream: OwnedStream) {
    this.#stream = stream;
    this.spent = hasEnded(stream);
    this.#wasFlowing = stream.readableFlowing;
    const names = stream.listenerCount("data") > 0 ? READING_WITH_LISTENERS : READING;
    this.#methods = new BorrowedMethods<Duplex, Reading>(stream, (own) => this.#standInsFor(own), names);
  }

  /** Whether the bytes go to a connection. */
  get isAttached(): boolean {
    return this.#sink !== null;
  }

  attach(sink: Sink): void {
    const stream = this.#stream;
    this.#sink = sink;
    stream.on("end", this.#onEnd);
    // A TLS socket may have ended between its handshake and its connection.
    this.spent ||= hasEnded(stream);
    if (this.spent && !stream.destroyed) nextTick(this.#onEnd);
    if (sink.readsAhead) {
      this.#ask();
      this.#isWanted = true;
      this.pump();
    } else if (!isResting(stream)) {
      // Listening for 'readable' also stops a stream that flows.
      this.#ask();
    }
  }

  start(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#ask();
    // Not at once: the caller may be about to hand over what the stream has.
    nextTick(this.#onReadable);
  }

  stop(): void {
    this.#isWanted = false;
  }

  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#methods.own.on.call(this.#stream, "readable", this.#onReadable);
  }

  /** Moves bytes from the stream to the sink until the sink wants no more, or with `all` until the stream has no more. */
  pump(all = false): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    while (this.#sink !== null && (all || this.#isWanted)) {
      const chunk: unknown = this.#methods.own.read.call(this.#stream);
      if (chunk === null) break;
      this.#arrived(chunk);
    }
    this.#isPumping = false;
    if (this.#peerEnd.kind === "withheld" && this.#stream.readableLength === 0) this.#tellEnd();
  }

  /** Gives the stream back its methods, the unread bytes and the end. */
  handBack(unread: readonly Buffer[]): void {
    const stream = this.#stream;
    if (this.#sink === null) return;
    this.#sink = null;
    if (this.#isAsked) stopListening(stream, this.#onReadable, this.#wasFlowing);
    this.#methods.giveBack();
    const encoding = encodingOf(stream);
    if (encoding === null) for (const chunk of unread.toReversed()) stream.unshift(chunk);
    else if (unread.length > 0) stream.unshift(Buffer.concat(unread).toString(encoding), encoding);
    if (this.#wasFlowing === true && !stream.destroyed) stream.resume();
    this.passEnd();
  }

  /** Ends the stream, if its end was withheld. */
  passEnd(): void {
    const { kind } = this.#peerEnd;
    if (kind !== "withheld" && kind !== "told") return;
    this.#peerEnd = kind === "told" ? OVER : AHEAD;
    this.#methods.own.push.call(this.#stream, null);
    this.#methods.own.read.call(this.#stream, 0);
  }

  /** Stops listening for `'end'`. */
  leave(): void {
    this.#stream.removeListener("end", this.#onEnd);
  }

  readonly #onEnd = (): void => {
    this.spent = true;
    this.#tellEnd();
  };

  readonly #onReadable = (): void => {
    this.pump();
  };

  #arrived(chunk: unknown): void {
    const stream = this.#stream;
    const sink = this.#sink;
    if (sink === null) {
      // Reading the stream has run the program, which has taken it over: it gets this chunk, unless as an event already.
      if (stream.listenerCount("data") === 0) stream.unshift(chunk);
      return;
    }
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encodingOf(stream) ?? "utf8") : chunk;
    if (isUint8Array(bytes)) {
      const { buffer, byteOffset, length } = bytes;
      if (length === 0) return;
      // Only lent, so that it is copied: the stream may keep the chunk, or have given it to others.
      this.#isWanted = sink.arrive(Buffer.from(buffer, byteOffset, length), length, true);
    } else {
      const kind = `neither bytes nor text but ${typeof chunk}`;
      stream.destroy(
        Object.assign(new TypeError(`the stream yields ${kind}`), { code: "ERR_INVALID_ARG_TYPE" }),
      );
    }
  }

  /** Tells the connection of the end, once. */
  #tellEnd(): void {
    const stream = this.#stream;
    const end = this.#peerEnd;
    if (end.kind === "told" || end.kind === "over") return;
    this.#peerEnd = end.kind === "withheld" ? TOLD : OVER;
    if (end.kind === "withheld" && end.fault !== null) {
      stream.destroy(end.fault);
      return;
    }
    if (this.#sink !== null) stream[EVENTS]?.peerEnded();
    // Such a stream is destroyed only when its end has been read.
    if (isOver(stream)) this.passEnd();
  }

  #standInsFor(own: Pick<Duplex, Reading>): Pick<Duplex, Reading> {
    const stream = this.#stream;
    const handOver = (): void => {
      const events = stream[EVENTS];
      if (this.#sink === null || events === undefined || this.spent || stream.destroyed) return;
      this.handBack(events.handOverToStream().unread);
    };
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Node's own types have it
    const on = (event: string | symbol, listener: (...args: any[]) => void): Duplex => {
      if (event === "data" || event === "readable") handOver();
      return own.on.call(stream, event as string, listener);
    };
    return {
      push: (chunk, encoding) => {
        const isFirstEnd = chunk === null && this.#peerEnd.kind !== "over";
        if (!isFirstEnd || this.spent || this.#sink === null) return own.push.call(stream, chunk, encoding);
        if (this.#peerEnd.kind === "ahead") this.#peerEnd = { kind: "withheld", fault: faultOfEnd(stream) };
        nextTick(this.#onReadable);
        return false;
      },
      read: (size) => {
        // `read(0)` reads nothing: Node calls it to have the stream filled.
        if (size !== 0) handOver();
        return own.read.call(stream, size) as unknown;
      },
      resume: () => {
        handOver();
        return own.resume.call(stream);
      },
      on,
      addListener: on,
      emit: (event: string | symbol, ...values: unknown[]) =>
        !(event === "data" && this.#isPumping && this.#sink !== null) &&
        own.emit.call(stream, event as string, ...values),
    };
  }
}
