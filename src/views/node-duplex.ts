import { Buffer } from "node:buffer";
import { nextTick } from "node:process";
import { Duplex } from "node:stream";
import { wrongType } from "../options/checks.js";
import { givenBytes } from "../core/bytes/given-bytes.js";
import { READ_AHEAD_BYTES } from "../core/reading/input.js";
import { copyOf } from "../core/bytes/own-memory.js";
import { clock } from "../core/timing/clock.js";
import { letReport } from "../core/timing/let-arrive.js";
import type { Link } from "../core/link.js";
import { READ_CHUNK } from "../core/reading/reads.js";
import type { StreamReader } from "../core/reading/waiting.js";
import { SETTLED } from "../core/writing/sender.js";
import { NetError, translated } from "../errors.js";
import { queueOf, type Queued } from "./socket-members.js";

export type Done = (error?: Error | null) => void;

/**
 * What the reader of the Duplex has last done. `waits`: its last `read()` gave nothing. `is told`: since then `'readable'` was
 * emitted. `reads when told`: the reader has called `read()` within that event, and will do so again. `is busy`: the reader
 * has called `read()` at a time of its own choice, as a loop does, and will call again.
 */
type User = "waits" | "is told" | "reads when told" | "is busy";

/**
 * The state of the Readable's supply of bytes. `content`: the Readable has not asked for more than it was given. `wanted`: the
 * Readable has asked, and no read of the connection is under way for it. `asking`: a read is under way, or its chunk is on
 * the way to the Readable. `yielding`: that read gives way to another, since the Duplex has no reader. `ended` and `failed`:
 * nothing follows the bytes that the Readable holds.
 */
type Supply = "content" | "wanted" | "asking" | "yielding" | "ended" | "failed";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Node's own types have it
type Listener = (...args: any[]) => void;

/**
 * A connection as a Duplex of Node's, which may exist before the connection: see {@link attachLink}. It reads and writes
 * by the connection's own reads and writes, with their timeouts and errors.
 *
 * It reads while it has a reader: while it flows, while there is a listener for `'readable'`, or for each `read()`. As
 * every Readable it then holds up to its high-water mark ahead of the reader. When the reader has left, the connection's
 * own reads take these bytes back.
 */
export abstract class NodeDuplex extends Duplex {
  #link!: Link;
  readonly #reader: StreamReader = this.#asReader();
  #supply: Supply = "content";
  /** The chunk that a read has settled with, on its way to the Readable. */
  #coming: Buffer | null = null;
  /** The error that the supply has failed with. */
  #failure: Error | null = null;
  #user: User = "waits";
  #emitsReadable = false;
  /** Whether it has emitted `'end'`, and ends our side a turn later. */
  #endsSoon = false;
  #takesBack = false;
  /** Bytes that the connection has been given, and that the Writable still counts in its `writableLength`. */
  #handedOver = 0;
  #isSending = false;
  /** The writes of the first chunks in the Writable's queue that the connection was given before their turn. */
  readonly #ahead: Promise<void>[] = [];

  /** `readAhead`: that of the connection. With a high-water mark of 0, Node would ask for more only when a `read()` gives `null`. */
  protected constructor(allowHalfOpen: boolean, readAhead = READ_AHEAD_BYTES) {
    const readableHighWaterMark = Math.min(Math.max(readAhead, 1), READ_AHEAD_BYTES);
    super({ readableHighWaterMark, allowHalfOpen });
  }

  /** Gives the Duplex its connection. Before this call, the Duplex may only queue what is written and asked for. */
  protected attachLink(link: Link): void {
    this.#link = link;
    link.input.streamReader = this.#reader;
    link.output.writeQueued = this.#sendQueued;
    link.onDropped(() => this.destroy());
    link.whenLeftOpen(() => this.#takeBareEnd());
    link.closed.then(
      () => {
        // Both sides have ended well: the bytes that are left are still read.
        if (!link.input.ended || this.readableEnded) {
          this.destroy();
          return;
        }
        this.once("end", () => this.destroy());
        // Everything was read in another way, so there may never be a reader to take the end.
        if (link.input.length + this.readableLength === 0 && !this.#isRead) this.resume();
      },
      (error: unknown) => {
        // A program that has begun to read gets the bytes from before the failure first, even if it pauses; then the read
        // that finds nothing fails. A program that only writes is told at once.
        const unread = link.input.length + this.readableLength;
        if (unread === 0 || this.readableFlowing === null) this.destroy(error as Error);
      },
    );
  }

  // Reading

  override _read(): void {
    if (this.#supply === "content") this.#supply = "wanted";
    if (this.#isRead) this.#ask();
  }

  override read(size?: number): unknown {
    const given: unknown = super.read(size);
    const chunk = size !== undefined && this.readableLength > 0 ? ownPart(given) : given;
    // `read(0)` reads nothing: Node calls it to have the stream filled.
    if (size === 0) return chunk;
    if (chunk === null && this.#user === "is busy") this.#link.input.renew(this.#reader);
    if (chunk === null) this.#user = "waits";
    else this.#user = this.#emitsReadable ? "reads when told" : "is busy";
    if (this.#supply === "failed") this.#failIfRead(chunk === null);
    else if (this.#supply === "wanted" && (chunk === null || this.#isRead)) this.#ask();
    return chunk;
  }

  override on(event: string | symbol, listener: Listener): this {
    super.on(event, listener);
    if (event === "readable") this.#ask();
    return this;
  }

  override addListener(event: string | symbol, listener: Listener): this {
    return this.on(event, listener);
  }

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === "data" && this.#takesBack) return false;
    // As a socket does, it tells whether it failed.
    if (event === "close") return super.emit(event, this.errored !== null);
    if (event === "end" && !this.allowHalfOpen) return this.#emitEnd();
    if (event !== "readable") return super.emit(event, ...args);
    this.#emitsReadable = true;
    try {
      return super.emit(event);
    } finally {
      this.#emitsReadable = false;
    }
  }

  /**
   * Emits `'end'`, and ends our side a turn later where the peer has ended its own. Node would do so in this turn, for as
   * long as `allowHalfOpen` is `false`, and so cut off what TLS over the Duplex writes when it gets the end.
   */
  #emitEnd(): boolean {
    const isHeard = super.emit("end");
    if (this.allowHalfOpen || !this.writable) return isHeard;
    this.allowHalfOpen = true;
    this.#endsSoon = true;
    clock.setImmediate(() => {
      this.allowHalfOpen = false;
      this.#endsSoon = false;
      if (this.writable && this.#link.input.peerEnded) this.end();
    });
    return isHeard;
  }

  /** Whether the Duplex has a reader, which may be busy with something else. */
  get #isRead(): boolean {
    return !this.destroyed && (this.readableFlowing === true || this.listenerCount("readable") > 0);
  }

  #ask(): void {
    if (this.#supply !== "wanted" || this.#takesBack || this.destroyed) return;
    this.#supply = "asking";
    this.#link.input
      .request(READ_CHUNK, undefined, undefined, this.#reader)
      .then(this.#onChunk, this.#onFailure);
  }

  /**
   * Takes an end that no bytes come before, though nothing reads, where the program has no other way to learn of it: as a socket
   * does. A program that only writes would go on writing to a peer that has left.
   */
  #takeBareEnd(): void {
    if (this.isHeld || this.#isRead || this.#link.input.length + this.readableLength > 0) return;
    super.read(0);
    this.#ask();
  }

  readonly #onChunk = (chunk: Buffer | null): void => {
    this.#supply = "content";
    const isTakenBack = chunk !== this.#coming;
    this.#coming = null;
    if (isTakenBack) return;
    // The Duplex was destroyed while the chunk was on its way: the chunk goes back to the connection's own reads.
    if (this.destroyed) {
      if (chunk !== null) this.#link.input.putBack([chunk]);
      return;
    }
    if (chunk === null) this.#supply = "ended";
    if (this.#user === "waits") this.#user = "is told";
    this.push(chunk);
    // As a socket does: nothing else emits the end of a stream that nothing reads.
    if (chunk === null) super.read(0);
  };

  readonly #onFailure = (error: unknown): void => {
    const isYielding = this.#supply === "yielding";
    this.#supply = "wanted";
    if (isYielding || (!this.#isRead && isBusy(error))) {
      if (this.#isRead) this.#ask();
    } else if (this.#link.input.ended) {
      this.#onChunk(null);
    } else if (isOurOwn(error)) this.destroy();
    else {
      this.#supply = "failed";
      this.#failure = error as Error;
      this.#failIfRead(this.#user === "waits");
      // By then the reader has been told of all bytes that are held.
      clock.setImmediate(() => this.#failIfRead(this.#user === "reads when told"));
    }
  };

  /** Fails once all bytes that are held have been read, or the reader needs more of them. */
  #failIfRead(needsMore: boolean): void {
    if (this.#failure !== null && (needsMore || this.readableLength === 0)) this.destroy(this.#failure);
  }

  #asReader(): StreamReader {
    // eslint-disable-next-line @typescript-eslint/no-this-alias -- of a getter of another object
    const duplex = this;
    return {
      get yields() {
        return !duplex.#isRead;
      },
      isGone: () => {
        if (!this.#isRead) {
          this.#supply = "yielding";
          return true;
        }
        return this.#user === "is busy" && this.readableFlowing !== true;
      },
      get left() {
        return duplex.#isRead && duplex.#supply !== "ended" ? 0 : duplex.readableLength;
      },
      isReading: () => this.#supply === "asking" || (this.#isRead && this.#supply !== "ended"),
      takeBack: () => this.#takeBack(),
      given: (chunk) => (this.#coming = chunk as Buffer | null),
    };
  }

  #takeBack(): Buffer[] {
    const held: Buffer[] = [];
    this.#takesBack = true;
    while (this.readableLength > 0) {
      const chunk = super.read() as Buffer | string | null;
      if (chunk === null) break;
      held.push(typeof chunk === "string" ? Buffer.from(chunk, this.readableEncoding ?? "utf8") : chunk);
    }
    this.#takesBack = false;
    if (this.#coming !== null) held.push(this.#coming);
    this.#coming = null;
    this.#failIfRead(false);
    return held;
  }

  // Writing

  /**
   * Also takes an ArrayBuffer, and any view on every release of Node. Objects that only inherit from a view are refused:
   * see {@link givenBytes}.
   */
  override write(chunk: unknown, ...rest: unknown[]): boolean {
    if (this.writableEnded && this.readableEnded && !this.allowHalfOpen) return this.#endedByPeer(rest);
    return super.write(chunkOf(chunk), ...(rest as []));
  }

  /** Fails a write as a socket does that closes when the peer ends: with `EPIPE`, by which libraries know what happened. */
  #endedByPeer(rest: unknown[]): false {
    const cause = Object.assign(new Error("the peer has ended the connection"), { code: "EPIPE" });
    const error = translated("write", this.#link.subject, cause, { written: "nothing" });
    const done = rest.find((argument) => typeof argument === "function");
    if (done !== undefined) nextTick(done, error);
    this.destroy(error);
    return false;
  }

  override end(chunk?: unknown, ...rest: unknown[]): this {
    return super.end(chunkOf(chunk), ...(rest as []));
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const sent = this.#ahead.shift();
    this.#settle(sent ?? this.#send(chunk), chunk.length, done);
  }

  override _writev(queued: readonly Queued[], done: Done): void {
    const sent = this.#ahead.splice(0, queued.length);
    const rest = queued.slice(sent.length).map(({ chunk }) => chunk);
    if (rest.length > 0) sent.push(this.#send(rest));
    const size = queued.reduce((sum, { chunk }) => sum + chunk.length, 0);
    this.#settle(sent.length === 1 ? (sent[0] as Promise<void>) : whenAll(sent), size, done);
  }

  override _final(done: Done): void {
    this.#settle(this.#link.output.end(), 0, done);
  }

  /** Bytes that were written here and that the connection has not been given yet. */
  protected get queuedLength(): number {
    return this.writableLength - this.#handedOver;
  }

  /** Gives the connection all chunks in the Writable's queue; the Writable passes each on only when the one before is sent. */
  readonly #sendQueued = (): void => {
    if (this.#isSending || this.closed || this.writableLength === 0) return;
    const chunks = queueOf(this).slice(this.#ahead.length);
    if (chunks.length === 0) return;
    const sending = this.#send(chunks.map(({ chunk }) => chunk));
    this.#ahead.push(...chunks.map(() => sending));
  };

  #send(data: Buffer | Buffer[]): Promise<void> {
    this.#handedOver += Array.isArray(data) ? data.reduce((sum, { length }) => sum + length, 0) : data.length;
    this.#isSending = true;
    const sending = this.#link.output.write(data);
    this.#isSending = false;
    return sending;
  }

  #settle(sending: Promise<void>, size: number, done: Done): void {
    // The kernel has taken it at once: as with a socket, the Writable is not full because of it.
    if (sending === SETTLED) {
      this.#handedOver -= size;
      done();
      return;
    }
    sending.then(
      () => {
        this.#handedOver -= size;
        done();
      },
      (error: unknown) => {
        this.#handedOver -= size;
        if (!isOurOwn(error) || this.#link.live) done(error as Error);
        else this.#cutOff(() => done(error as Error));
      },
    );
  }

  // Ending

  /** The program itself has closed the connection: no failure. Callbacks of unsent writes are called after `'close'`. */
  #cutOff(tell: () => void): void {
    this.destroy();
    if (this.closed) tell();
    else this.once("close", tell);
  }

  /** Whether the program has the connection, too, and so can go on with it. */
  protected get isHeld(): boolean {
    return true;
  }

  /**
   * A `for await` loop that has come to the end destroys the stream: with an error, if it can still be written to. A socket has
   * ended its own side by then.
   */
  override destroy(error: Error | null = null): this {
    const isLoopAtEnd = this.#endsSoon && isForNoReason(error);
    return super.destroy(isLoopAtEnd ? undefined : (error ?? undefined));
  }

  /**
   * Resets the connection, since an unfinished stream must not look finished to the peer. It is closed instead where the
   * Duplex was destroyed without a reason and everything was sent.
   */
  override _destroy(error: Error | null, done: Done): void {
    const link = this.#link;
    const isGood = isForNoReason(error);
    if (link.live && (isGood || isBusy(error))) link.output.sendQueued();
    // Mistakes of the program are no failure of the connection: the program reads elsewhere already, or has closed this side.
    if (this.isHeld && (isBusy(error) || (error instanceof NetError && error.code === "ERR_CLOSED"))) {
      done(error);
      return;
    }
    const closed = (): void => done(error);
    const end = (): void => {
      if (link.live && isGood && link.output.idle) {
        void link.close().catch(ignore);
        // As a socket's, 'close' comes a turn later, and does not wait for the peer's end.
        clock.setImmediate(closed);
        return;
      }
      if (link.live) link.reset();
      link.closed.then(closed, closed);
    };
    if (isGood && link.live && !link.output.idle && !link.transport.callsBackAtOnce)
      letReport(() => link.output.length, end);
    else end();
  }
}

/** A copy of a part of a chunk: its reader may transfer it, and the Readable holds the rest in the same memory. */
function ownPart(chunk: unknown): unknown {
  if (!Buffer.isBuffer(chunk) || chunk.length === chunk.buffer.byteLength) return chunk;
  return copyOf(chunk, 0, chunk.length);
}

/** Settles when all writes have, and rejects with the first failure in their order. */
async function whenAll(sending: readonly Promise<void>[]): Promise<void> {
  for (const one of sending) await one;
}

/** Whether the error says that the program has closed, reset or detached the connection: such errors have no cause. */
function isOurOwn(error: unknown): boolean {
  return error instanceof NetError && error.code === "ERR_CLOSED" && error.cause === undefined;
}

/** Bytes as a Uint8Array, which all releases of Node take; anything else unchanged, for Node to judge. */
function chunkOf(chunk: unknown): unknown {
  if (typeof chunk !== "object" || chunk === null) return chunk;
  const bytes = givenBytes(chunk, "chunk");
  if (bytes === undefined) throw wrongType("chunk", "a string, a view or an ArrayBuffer", chunk);
  return bytes;
}

function isBusy(error: unknown): boolean {
  return error instanceof NetError && error.code === "ERR_BUSY";
}

/** Whether nothing failed. After a `for await` loop Node destroys the stream with an `ABORT_ERR` that has no cause. */
function isForNoReason(error: Error | null): boolean {
  return (
    error === null || ((error as NodeJS.ErrnoException).code === "ABORT_ERR" && error.cause === undefined)
  );
}

/** A listener to errors: without one, a failure of the connection would be an uncaught exception. */
export function ignore(): void {
  // The failure reaches the program's own listeners, or its next call.
}
