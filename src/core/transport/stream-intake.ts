/**
 * The receiving half of an adopted stream. Its bytes go to the sink; its end is withheld from its users until it is closed
 * or handed over, since nothing could be put back into it after that. Whoever reads the stream itself takes both.
 */
import { Buffer } from "node:buffer";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
import { BorrowedMethods } from "./borrowed-methods.js";
import { encodingOf, faultOfEnd, hasEnded, isOver } from "./stream-kinds.js";
import { EVENTS } from "./stream-socket.js";
import type { Sink, TransportEvents } from "./transport.js";

/** A stream, and the connection that has adopted it. */
export interface OwnedStream extends Duplex {
  [EVENTS]?: TransportEvents | undefined;
}

/** The methods that read a stream, and the one that fills it. */
const READING = ["push", "read", "resume", "on", "addListener"] as const;

type Reading = (typeof READING)[number];

/** The peer's end, which the connection and the users of the stream are told of apart. */
type PeerEnd =
  /** It has not come, or the stream's users will be told, and the connection when they were. */
  | { readonly kind: "ahead" }
  /** It has come, perhaps as a failure; neither the connection nor the stream's users were told. */
  | { readonly kind: "withheld"; readonly fault: Error | null }
  /** The connection was told, and the stream's users were not. */
  | { readonly kind: "told" }
  | { readonly kind: "over" };

const AHEAD: PeerEnd = { kind: "ahead" };
const TOLD: PeerEnd = { kind: "told" };
const OVER: PeerEnd = { kind: "over" };

export class StreamIntake {
  /** The stream's users have been told of its end: nothing can be put back into it. */
  spent: boolean;
  readonly #stream: OwnedStream;
  readonly #methods: BorrowedMethods<Duplex, Reading>;
  /** Where the bytes go; `null` before the stream is attached to a connection, and after its reading is handed back. */
  #sink: Sink | null = null;
  #isWanted = false;
  #isPumping = false;
  #peerEnd: PeerEnd = AHEAD;

  constructor(stream: OwnedStream) {
    this.#stream = stream;
    this.spent = hasEnded(stream);
    this.#methods = new BorrowedMethods(stream, (own) => this.#standInsFor(own), READING);
  }

  /** Whether the bytes go to a connection. */
  get isAttached(): boolean {
    return this.#sink !== null;
  }

  attach(sink: Sink): void {
    const stream = this.#stream;
    this.#sink = sink;
    stream.on("end", this.#onEnd);
    this.#methods.own.on.call(stream, "readable", this.#onReadable);
    if (this.spent && !stream.destroyed) nextTick(this.#onEnd);
    this.#isWanted = true;
    this.pump();
  }

  start(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    // Not at once: the caller may be about to hand over what the stream has.
    nextTick(this.#onReadable);
  }

  stop(): void {
    this.#isWanted = false;
  }

  /** Moves the stream's bytes to the sink, until that wants no more; with `all`, whatever it wants. */
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
    // By this name: `off` of some packages' streams is not their own, and leaves them paused.
    stream.removeListener("readable", this.#onReadable);
    this.#methods.giveBack();
    const encoding = encodingOf(stream);
    if (encoding === null) for (const chunk of unread.toReversed()) stream.unshift(chunk);
    else if (unread.length > 0) stream.unshift(Buffer.concat(unread).toString(encoding), encoding);
    this.passEnd();
  }

  /** Tells the stream's users of an end that was withheld from them. */
  passEnd(): void {
    const { kind } = this.#peerEnd;
    if (kind !== "withheld" && kind !== "told") return;
    this.#peerEnd = kind === "told" ? OVER : AHEAD;
    this.#methods.own.push.call(this.#stream, null);
    this.#methods.own.read.call(this.#stream, 0);
  }

  /** Leaves the stream's end to others. */
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
      // The stream was handed over while it was read: so was this, unless somebody has got it as an event.
      if (stream.listenerCount("data") === 0) stream.unshift(chunk);
      return;
    }
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, encodingOf(stream) ?? "utf8") : chunk;
    if (bytes instanceof Uint8Array) {
      const { buffer, byteOffset, length } = bytes;
      if (length === 0) return;
      // Others may have the same chunk: what is read here is the reader's alone.
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
    // It is destroyed when its end was read.
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
        // Node's own way to get things going.
        if (size !== 0) handOver();
        return own.read.call(stream, size) as unknown;
      },
      resume: () => {
        handOver();
        return own.resume.call(stream);
      },
      on,
      addListener: on,
    };
  }
}
