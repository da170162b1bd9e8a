import type { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { ConnectedSocket } from "../connected-socket.js";
import { IdleTimer } from "../engine/idle-timer.js";
import type { Link } from "../engine/link.js";
import { takeChunk } from "../engine/reads.js";
import { NetError } from "../errors.js";

type Done = (error?: Error | null) => void;

/**
 * A connection as a Duplex of Node's: what is read and written here goes through the connection's own reads and writes,
 * with their timeouts and errors. It reads when somebody reads from it, and no further ahead than the chunk it was asked
 * for.
 *
 * It also has what libraries call on a socket that they were given as a stream: `setTimeout`, `ref` and the like.
 */
export class NodeDuplex extends Duplex {
  readonly #link: Link;
  readonly #socket: ConnectedSocket;
  #idle: IdleTimer | null = null;

  constructor(link: Link, socket: ConnectedSocket) {
    super({ readableHighWaterMark: 0, allowHalfOpen: true });
    this.#link = link;
    this.#socket = socket;
    // A failure of a connection that nobody uses is nobody's uncaught exception.
    this.on("error", ignore);
    link.closed.then(
      () => {
        // What both sides have ended well is read to its end.
        if (!link.input.ended || this.readableEnded) {
          this.destroy();
          return;
        }
        this.once("end", () => this.destroy());
        // All was read in another way: nobody has to come for the end alone.
        if (link.input.length === 0 && !this.#isRead) this.resume();
      },
      (error: unknown) => {
        // What had arrived before the failure is read first by whoever has begun to, also if it pauses; then the read that
        // finds nothing fails. One who only writes need not wait for that.
        const unread = link.input.length + this.readableLength;
        if (unread === 0 || this.readableFlowing === null) this.destroy(error as Error);
      },
    );
  }

  override _read(): void {
    let gaveWay = false;
    const asker = { givesWay: true, hasLeft: () => (gaveWay = !this.#isRead) };
    this.#link.input.request(takeChunk, undefined, undefined, asker).then(
      (chunk) => void this.push(chunk),
      (error: unknown) => {
        // An empty chunk is none, and lets the next read ask again.
        if (gaveWay || (!this.#isRead && isBusy(error))) this.push("");
        else if (this.#link.input.ended) this.push(null);
        else this.destroy(error as Error);
      },
    );
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#link.output.write(chunk).then(() => done(), done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    this.#link.output.write(chunks.map(({ chunk }) => chunk)).then(() => done(), done);
  }

  override _final(done: Done): void {
    this.#link.output.end().then(() => done(), done);
  }

  /** An unfinished stream must not look finished to the peer: it is reset, unless it was destroyed for no reason and all was sent. */
  override _destroy(error: Error | null, done: Done): void {
    this.#idle?.set(0);
    const link = this.#link;
    const refused = error instanceof NetError && (error.code === "ERR_BUSY" || error.code === "ERR_CLOSED");
    // What the program did itself is no failure of the connection: another reads already, or it has closed this side.
    if (refused) {
      done(error);
      return;
    }
    if (link.live) {
      if (isForNoReason(error) && link.output.idle) void link.close().catch(ignore);
      else link.reset();
    }
    const closed = (): void => done(error);
    link.closed.then(closed, closed);
  }

  get #isRead(): boolean {
    return this.readableFlowing === true || this.listenerCount("readable") > 0;
  }

  // What only sockets have

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  /** Emits `'timeout'` after so many ms in which nothing came and nothing went; 0: never. */
  setTimeout(ms: number, listener?: () => void): this {
    if (listener !== undefined) {
      if (ms > 0) this.once("timeout", listener);
      else this.off("timeout", listener);
    }
    const { input, transport } = this.#link;
    this.#idle ??= new IdleTimer(
      () => input.received + transport.bytesTaken,
      () => void this.emit("timeout"),
    );
    this.#idle.set(ms);
    return this;
  }

  setNoDelay(on?: boolean): this {
    this.#socket.setNoDelay(on);
    return this;
  }

  setKeepAlive(on = false, delay = 0): this {
    this.#socket.setKeepAlive(on, delay > 0 ? delay : undefined);
    return this;
  }

  ref(): this {
    this.#socket.ref();
    return this;
  }

  unref(): this {
    this.#socket.unref();
    return this;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof NetError && error.code === "ERR_BUSY";
}

/** Node destroys what a `for await` loop has left, or read to its end, with an error that has no cause: nothing failed. */
function isForNoReason(error: Error | null): boolean {
  return (
    error === null || ((error as NodeJS.ErrnoException).code === "ABORT_ERR" && error.cause === undefined)
  );
}

function ignore(): void {
  // It is delivered to whoever listens for it, or to the next call.
}
