import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import { Duplex } from "node:stream";
import { Connection } from "../connection.js";
import { checkDuplex } from "../core/transport/adopt.js";
import { resetSocket } from "../core/transport/reset-socket.js";
import { systemError } from "../core/transport/system-error.js";
import { wrongType, wrongValue } from "../options/checks.js";
import { checkedFaults, faultsOf, type Faults } from "./faults/options.js";
import { Passage, type Last } from "./faults/passage.js";
import { random } from "./random.js";

/** Most bytes of one direction that are on their way before the sender has to wait, as in a kernel's socket buffers. */
const WINDOW_BYTES = 64 * 1024;

/**
 * Returns a Duplex over `stream` on which bytes take their time, arrive in other pieces, stop, or come to harm, both what is
 * read from it and what is written to it. `Connection.from` makes a connection of it, and other libraries take it in place of
 * a socket. Without faults everything passes unchanged: bytes, both ends apart, and failures.
 *
 * From then on the stream belongs to the Duplex, which reads it at once, also if it was paused. Each direction holds 64 KiB;
 * a writer has to wait beyond that. An end or a failure of the stream comes behind the bytes that it had given before.
 * `destroy()` destroys the stream, too: behind what is on its way there, or at once if that is not taken. Time is that of
 * this library: a clock that it is given holds for the latency as well.
 *
 * @throws TypeError for a value that is no Duplex, for one in object mode, and for unknown faults; TypeError or RangeError for
 *   wrong ones
 *
 * @example
 * const connection = Connection.from(faulty(socket, { seed: 7, chop: true, latency: [1, 20] }));
 */
export function faulty(stream: Duplex, faults: Faults = {}): Duplex {
  if ((stream as unknown) instanceof Connection)
    throw wrongType("stream", "a stream.Duplex, such as the connection's duplex", stream);
  checkDuplex(stream);
  if (stream.readableObjectMode || stream.writableObjectMode) {
    throw wrongValue("stream", "one of bytes, not in object mode", stream);
  }
  return new FaultyDuplex(stream, faults);
}

class FaultyDuplex extends Duplex {
  readonly #stream: Duplex;
  readonly #incoming: Passage;
  readonly #outgoing: Passage;
  /** The writer that waits for room. */
  #writer: ((error?: Error) => void) | null = null;
  #isFinishing = false;
  /** What the stream has failed with, or the reset. */
  #failure: Error | null = null;
  #isReset = false;
  #hasEnded = false;
  /** Closes the stream, of a Duplex that was destroyed. */
  #close: (() => void) | null = null;
  /** Acts once all that came before is read. */
  #destroyWhenRead: (() => void) | null = null;

  constructor(stream: Duplex, given: Faults) {
    const faults = checkedFaults(given);
    super({ allowHalfOpen: stream.allowHalfOpen });
    this.#stream = stream;
    const { seed = 1 } = faults;
    this.#incoming = new Passage(faultsOf("read", faults), random(2 * seed), {
      deliver: (piece) => this.push(piece),
      finish: (last) => this.#finishReading(last),
      reset: () => this.#reset("read"),
      drained: () => {
        if (this.#incoming.size < WINDOW_BYTES) stream.resume();
      },
    });
    this.#outgoing = new Passage(faultsOf("write", faults), random(2 * seed + 1), {
      deliver: (piece) => this.#send(piece),
      finish: () => this.#finishWriting(),
      reset: () => this.#reset("write"),
      drained: () => {
        if (this.#outgoing.size < WINDOW_BYTES) this.#release();
      },
    });
    this.#listen();
  }

  // Called by Node's stream

  override _read(): void {
    this.#incoming.resume();
  }

  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    if (this.readableLength === 0) this.#destroyWhenRead?.();
    return chunk;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#writer = done;
    if (this.#isReset) {
      this.#fail();
      return;
    }
    // The caller may use its memory again once this has called back, which is before the bytes come out.
    this.#outgoing.give(Buffer.from(chunk));
    if (this.#outgoing.size < WINDOW_BYTES) this.#release();
  }

  override _final(done: () => void): void {
    this.#isFinishing = true;
    if (this.#isReset) this.#fail();
    else if (this.#stream.writableFinished) done();
    else {
      this.#stream.once("finish", () => done());
      this.#outgoing.end({ kind: "end" });
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#incoming.stop();
    this.#destroyWhenRead = null;
    this.#release(error ?? systemError("EPIPE", "write"));
    this.#close = () => {
      this.#close = null;
      this.#outgoing.stop();
      this.#stream.destroy();
      done(error);
    };
    // As with a socket, the peer still gets what was sent before.
    if (this.#stream.destroyed || !this.#outgoing.isMoving) this.#close();
    else this.#outgoing.end({ kind: "closed", error });
  }

  // The stream beneath

  #listen(): void {
    const stream = this.#stream;
    // It would end its own side, ahead of what is still on its way there.
    stream.allowHalfOpen = true;
    stream.on("data", (chunk: Buffer | string) => {
      this.#incoming.give(
        typeof chunk === "string" ? Buffer.from(chunk, stream.readableEncoding ?? "utf8") : chunk,
      );
      if (this.#incoming.size >= WINDOW_BYTES) stream.pause();
    });
    stream.on("end", () => this.#incoming.end({ kind: "end" }));
    stream.on("error", (error) => (this.#failure ??= error));
    stream.on("close", () => this.#closed());
    stream.on("drain", () => this.#outgoing.resume());
    // One that was paused, as the sockets of a server with `pauseOnConnect` are, does not flow by itself.
    stream.resume();
    this.#failure = (stream as Partial<Duplex>).errored ?? null;
    if (stream.closed) this.#closed();
    else if (stream.readableEnded) this.#incoming.end({ kind: "end" });
  }

  #closed(): void {
    if (this.destroyed || this.#isReset) return;
    const stream = this.#stream;
    this.#incoming.end({ kind: "closed", error: this.#failure });
    // What was to be sent finds that the stream is gone.
    this.#outgoing.resume();
    if (this.#isFinishing && this.#outgoing.isDone && !stream.writableFinished) this.#fail();
  }

  #send(piece: Buffer): boolean {
    const isTaken = !this.#stream.destroyed && this.#stream.write(piece);
    if (this.#close !== null && !isTaken) this.#close();
    else if (this.#stream.destroyed) this.#fail();
    return isTaken;
  }

  // What comes out

  #finishReading(last: Last): void {
    if (last.kind === "end") {
      this.#hasEnded = true;
      this.push(null);
    }
    // A stream that has ended closes by itself when it has finished, too.
    else if (last.error !== null || !this.#hasEnded)
      this.#whenRead(() => this.destroy(last.error ?? undefined));
  }

  #finishWriting(): void {
    if (this.#close !== null) this.#close();
    else if (this.#stream.destroyed) this.#fail();
    else this.#stream.end();
  }

  #release(error?: Error): void {
    const writer = this.#writer;
    this.#writer = null;
    writer?.(error);
  }

  /** Fails what is written to a stream that is gone. */
  #fail(): void {
    this.destroy(this.#failure ?? systemError("EPIPE", "write"));
  }

  #reset(direction: "read" | "write"): void {
    const error = (this.#failure = systemError("ECONNRESET", direction));
    this.#isReset = true;
    this.#incoming.stop();
    this.#outgoing.stop();
    reset(this.#stream);
    if (this.#close !== null) this.#close();
    else if (this.#writer !== null || this.#isFinishing) this.#fail();
    else this.#whenRead(() => this.destroy(error));
  }

  /** Acts when the bytes that have come out are read: destroying a stream drops what is unread in it. */
  #whenRead(act: () => void): void {
    if (this.readableLength === 0) act();
    else
      this.#destroyWhenRead = () => {
        this.#destroyWhenRead = null;
        queueMicrotask(act);
      };
  }
}

/** Sends RST if the stream is a socket that can, and otherwise destroys it. */
function reset(stream: Duplex & { resetAndDestroy?(): void }): void {
  if (stream instanceof Socket) resetSocket(stream);
  else if (typeof stream.resetAndDestroy === "function") stream.resetAndDestroy();
  else stream.destroy();
}
