import type { Socket } from "node:net";
import {
  checkBoolean,
  checkLimit,
  checkOptions,
  checkSize,
  checkTimeout,
  wrongType,
  wrongValue,
} from "./arguments.js";
import type { OperationOptions } from "./arguments.js";
import type { Addresses } from "./address/addresses.js";
import { setKeepAlive } from "./connection-options.js";
import { Chunks, Lines } from "./engine/iterators.js";
import { isLineEncoding, LineSearch, takeTextLine } from "./engine/lines.js";
import type { Link } from "./engine/link.js";
import type { Data } from "./engine/payload.js";
import { Search, takeAll, takeChunk, takeExactly, takeInto, takeUntil } from "./engine/reads.js";
import { descriptorOf } from "./engine/socket-transport.js";

const LINE_LIMIT = 64 * 1024;
const ALL_LIMIT = 16 * 1024 * 1024;

export interface LimitOptions extends OperationOptions {
  /** Most bytes, terminator not counted; 64 KiB by default (16 MiB for `readAll`), `Infinity` for no limit. */
  limit?: number | undefined;
}

export interface LineOptions extends LimitOptions {
  /** `"utf8"`, the default, `"latin1"` or `"ascii"`. */
  encoding?: BufferEncoding | undefined;
}

export interface ChunksOptions extends OperationOptions {
  /** Yields views that are valid only until the next pull, over memory that is used again: no allocation per chunk. */
  recycle?: boolean | undefined;
}

/**
 * A TCP connection, or one over a Unix socket: bytes in both directions, to be awaited.
 *
 * Whoever has a connection closes it: `await using connection = await connect(…)`, or `close()` in a `finally`.
 * Reads and writes are independent of each other. One read at a time may wait; any number of writes.
 *
 * A timeout or an abort leaves the connection usable. A read that fails has consumed nothing. What is said of timeouts
 * holds for all: an explicit `timeout` (ms; `0`: only what can be done right now; `Infinity`: no bound) is for the whole
 * call; without one, each wait for progress is bounded by the `readTimeout` or `writeTimeout` that the connection
 * captured when it was made. Every rejection is a {@link NetError}, but for an abort, which rejects with the signal's
 * reason, and wrong arguments (`TypeError`, `RangeError`).
 */
export class Connection implements AsyncIterable<Buffer>, AsyncDisposable {
  readonly #link: Link;
  readonly #addresses: Addresses;

  /** @internal */
  constructor(link: Link, addresses: Addresses) {
    this.#link = link;
    this.#addresses = addresses;
  }

  // Reading

  /**
   * Resolves to the bytes that have arrived, as soon as there are any, or to `null` at the end of the stream. The buffer
   * is the caller's.
   *
   * @throws NetTimeoutError, or what `signal` was aborted with: nothing was consumed, read again when you like
   * @throws NetError `ERR_BUSY` (another read is waiting), `ERR_CLOSED`, or how the peer ended it, after all its data
   */
  read(options?: OperationOptions): Promise<Buffer | null> {
    return this.#link.input.request(takeChunk, undefined, options);
  }

  /**
   * Resolves to how many bytes were put at the beginning of `target`, as soon as there are any, or to `null` at the end
   * of the stream. An empty target gives 0 at once. Until it settles the target belongs to the connection.
   *
   * @throws as {@link read}; the target is then as it was
   */
  readInto(target: Uint8Array, options?: OperationOptions): Promise<number | null> {
    if (!(target instanceof Uint8Array)) return rejected(wrongType("target", "a Uint8Array", target));
    return this.#link.input.request(takeInto, target, options);
  }

  /**
   * Resolves to exactly `size` bytes.
   *
   * @throws NetError `ERR_UNEXPECTED_EOF` if the stream ends before; otherwise as {@link read}. In every case the bytes
   *   that have arrived stay unread
   */
  readExactly(size: number, options?: OperationOptions): Promise<Buffer> {
    return checked(() => checkSize("size", size)) ?? this.#link.input.request(takeExactly, size, options);
  }

  /**
   * Resolves to the bytes before the next `delimiter`, which is consumed and not part of them, or to `null` at the end
   * of the stream.
   *
   * @param delimiter - one or more bytes; a string stands for its UTF-8
   * @throws NetError `ERR_LIMIT` if more than `options.limit` bytes come before it (64 KiB by default),
   *   `ERR_UNEXPECTED_EOF` if the stream ends before it; otherwise as {@link read}. In every case the bytes stay unread
   */
  readUntil(delimiter: string | Uint8Array, options?: LimitOptions): Promise<Buffer | null> {
    const bytes = typeof delimiter === "string" ? Buffer.from(delimiter) : delimiter;
    const refusal = checked(() => {
      if (!(bytes instanceof Uint8Array)) throw wrongType("delimiter", "a string or a Uint8Array", bytes);
      if (bytes.length === 0) throw wrongValue("delimiter", "at least one byte", delimiter);
      checkLimitOptions(options);
    });
    return (
      refusal ?? this.#link.input.request(takeUntil, new Search(bytes, options?.limit ?? LINE_LIMIT), options)
    );
  }

  /**
   * Resolves to the next line, without its terminator, or to `null` at the end of the stream.
   *
   * A line ends with `\n` or `\r\n`; a last line may lack it. Bytes are decoded once the line is whole.
   *
   * @param options.limit - most bytes a line may have, terminator not counted; 64 KiB by default, `Infinity` for none
   * @param options.encoding - `"utf8"` by default, or `"latin1"` or `"ascii"`
   * @throws NetError `ERR_LIMIT`: the bytes stay unread; otherwise as {@link read}
   */
  readLine(options?: LineOptions): Promise<string | null> {
    const refusal = checked(() => checkLineOptions(options));
    if (refusal !== undefined) return refusal;
    const search = new LineSearch(options?.limit ?? LINE_LIMIT, options?.encoding ?? "utf8");
    return this.#link.input.request(takeTextLine, search, options);
  }

  /**
   * Resolves to all bytes up to the end of the stream.
   *
   * @param options.limit - most bytes; 16 MiB by default, `Infinity` for no limit
   * @throws NetError `ERR_LIMIT`; otherwise as {@link read}. In every case the bytes stay unread
   */
  readAll(options?: LimitOptions): Promise<Buffer> {
    const refusal = checked(() => checkLimitOptions(options));
    return refusal ?? this.#link.input.request(takeAll, options?.limit ?? ALL_LIMIT, options);
  }

  /**
   * Iterates over the lines to come, as {@link readLine} reads them; ends at the end of the stream.
   *
   * `timeout` is for each line, `signal` for the loop. `break` leaves the connection open and the rest unread.
   */
  lines(options?: LineOptions): AsyncIterableIterator<string> {
    checkLineOptions(options);
    return new Lines(this.#link.input, options?.limit ?? LINE_LIMIT, options?.encoding ?? "utf8", options);
  }

  /**
   * Iterates over the chunks to come, as {@link read} reads them; ends at the end of the stream.
   *
   * `timeout` is for each chunk, `signal` for the loop. `break` leaves the connection open and the rest unread.
   *
   * @param options.recycle - yield views that are valid only until the next read, over memory that is used again
   */
  chunks(options?: ChunksOptions): AsyncIterableIterator<Buffer> {
    checkOptions(options);
    checkBoolean("recycle", options?.recycle);
    return new Chunks(this.#link.input, options?.recycle ?? false, options);
  }

  /** Iterates over the chunks to come: `chunks()`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return this.chunks();
  }

  /** Bytes that have arrived and can be read without waiting: the egg's `char-ready?`. */
  get readableLength(): number {
    return this.#link.input.length;
  }

  // Writing

  /**
   * Resolves when the kernel has taken all of `data`: the memory is the caller's again. A list is sent in one go.
   *
   * Calls are sent whole, one after the other, in the order they were made, awaited or not. Nobody has to await: a
   * failure also shows at the next call and at {@link closed}, and is never an unhandled rejection. With a `bufferSize`,
   * data is copied and gathered and resolves at once, until that many bytes wait.
   *
   * @param data - a string, sent as UTF-8, any view, or a list of them
   * @throws NetTimeoutError, or what `signal` was aborted with. Before its turn the write leaves the queue
   *   (`error.written === "nothing"`); in its turn some of it is sent already (`"partly"`), so the rest stays queued, and
   *   its memory is the connection's until {@link flush} or {@link closed} settles; to give up, {@link reset}
   * @throws NetError `ERR_CLOSED`, or how the peer ended it: what it had sent before can still be read
   */
  write(data: Data | readonly Data[], options?: OperationOptions): Promise<void> {
    return this.#link.output.write(data, options);
  }

  /** Writes `line` and `\n`; see {@link write}. */
  writeLine(line: string, options?: OperationOptions): Promise<void> {
    if (typeof line !== "string") return rejected(wrongType("line", "a string", line));
    return this.#link.output.write(line + "\n", options);
  }

  /**
   * Sends what is gathered; resolves when the kernel has taken all that was written so far.
   *
   * @throws as {@link write}; a timeout or an abort leaves all that is queued where it is
   */
  flush(options?: OperationOptions): Promise<void> {
    return this.#link.output.flush(options);
  }

  /** Bytes written here that the kernel has not taken yet. */
  get writableLength(): number {
    return this.#link.output.length;
  }

  // Ending

  /**
   * Ends our side: sends what was written so far, then FIN; resolves when the FIN is sent. Reading goes on. Calling it
   * again waits for the same; writes from now on reject with `ERR_CLOSED`.
   *
   * @throws NetTimeoutError, or what `signal` was aborted with: the rest and the FIN still follow
   * @throws NetError if what was written could not be sent
   */
  closeWrite(options?: OperationOptions): Promise<void> {
    return this.#link.output.end(options);
  }

  /**
   * Ends reading, at once: what has arrived and what still arrives is thrown away, reads give `null`, one that waits
   * rejects with `ERR_CLOSED`. Writing goes on. When both sides are closed the socket closes as with {@link close}.
   */
  closeRead(): void {
    this.#link.closeInput();
  }

  /**
   * Closes the connection; resolves when the socket is closed. Calling it again waits for the same.
   *
   * What was written is sent (each wait bounded by `writeTimeout`), then FIN; what the peer still sends is thrown away
   * until its own FIN, for at most 2 s, since closing before would send RST and could destroy our last bytes in flight
   * (RFC 9112, section 9.6). A read that waits rejects with `ERR_CLOSED`.
   *
   * @param options.timeout - ms for all of it, in place of `writeTimeout`; `0`: send only what the kernel takes now
   * @throws NetTimeoutError, or what `signal` was aborted with, if bytes were still unsent: the connection was reset
   * @throws NetError if bytes were lost that no other call has answered for
   */
  close(options?: OperationOptions): Promise<void> {
    return this.#link.close(options);
  }

  /** `await using`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#link.close();
  }

  /**
   * Drops everything and closes the socket, at once, with RST: the peer's reads and writes fail. Unix sockets know no
   * RST and just close. What waits rejects with `ERR_CLOSED`.
   */
  reset(): void {
    this.#link.reset();
  }

  /**
   * Makes closing one side leave the TCP connection's side as it is: no FIN for `"output"`, nothing more read for
   * `"input"`. For a descriptor that is shared with another process: the egg's `tcp-abandon-port`.
   */
  abandon(side: "input" | "output"): void {
    if (side === "input") this.#link.abandonInput();
    else if ((side as unknown) === "output") this.#link.output.abandoned = true;
    else throw wrongValue("side", '"input" or "output"', side);
  }

  /**
   * Hands over the socket, with its unread bytes and unsent writes in it, to whoever takes a `net.Socket`. The connection
   * cannot be used any more: its calls reject with `ERR_CLOSED`, those that wait as well; writes among these are still
   * sent (`written` is `"partly"`). The socket has `allowHalfOpen` set and needs an `'error'` listener, as every socket
   * does.
   *
   * @throws NetError `ERR_CLOSED` if the connection is closed or closing, or both its sides have ended
   */
  detach(): Socket {
    return this.#link.detach();
  }

  /**
   * Resolves when all is over by our own close, reset or detach, or because both sides ended; rejects with the
   * {@link NetError} of a failure that was not ours. It never is an unhandled rejection.
   */
  get closed(): Promise<void> {
    return this.#link.closed;
  }

  // What it is

  /** Our own address, as it was when the connection was made; `undefined` for a Unix socket. */
  get localAddress(): string | undefined {
    return this.#addresses.localAddress;
  }

  get localPort(): number | undefined {
    return this.#addresses.localPort;
  }

  /** The peer's address, as it was when the connection was made, IPv4 also where IPv6 maps it. */
  get remoteAddress(): string | undefined {
    return this.#addresses.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#addresses.remotePort;
  }

  /** 4 or 6; `undefined` for a Unix socket. */
  get family(): 4 | 6 | undefined {
    return this.#addresses.family;
  }

  /** The descriptor; `undefined` once the socket is closed, and where there are none. */
  get fd(): number | undefined {
    return descriptorOf(this.#link.transport.socket);
  }

  /**
   * The `net.Socket` beneath. Reading from it (`'data'`, `read()`, `pipe()` …) moves what is unread into it, and takes
   * the input away from the connection, whose reads then reject with `ERR_BUSY`. To write past the connection, flush
   * first. Once both sides have ended the socket is destroyed: what is still unread then is read from the connection.
   */
  get socket(): Socket {
    return this.#link.transport.socket;
  }

  /** Bytes received so far, whether read or not. */
  get bytesRead(): number {
    return this.#link.input.received;
  }

  /** Bytes that the kernel has taken so far. */
  get bytesWritten(): number {
    return this.#link.transport.bytesTaken;
  }

  /** Whether small writes are sent at once (`true`, the default of new connections) or gathered by the kernel: TCP_NODELAY. */
  setNoDelay(on = true): this {
    checkBoolean("on", on);
    this.socket.setNoDelay(on);
    return this;
  }

  /**
   * Whether the kernel asks an idle peer if it is still there: SO_KEEPALIVE.
   *
   * @param delay - ms of silence before it first asks, a second at least; without it, the system's own (two hours)
   */
  setKeepAlive(on = true, delay?: number): this {
    checkBoolean("on", on);
    checkTimeout("delay", delay);
    setKeepAlive(this.socket, on && (delay ?? true));
    return this;
  }

  /** Lets the open connection keep the process alive, as it does from the start. */
  ref(): this {
    this.socket.ref();
    return this;
  }

  /** Lets the process end while the connection is open. */
  unref(): this {
    this.socket.unref();
    return this;
  }
}

function checkLimitOptions(options: unknown): void {
  checkOptions(options);
  checkLimit((options as LimitOptions | undefined)?.limit);
}

function checkLineOptions(options: unknown): void {
  checkLimitOptions(options);
  const encoding: unknown = (options as LineOptions | undefined)?.encoding;
  if (encoding !== undefined && !isLineEncoding(encoding)) {
    throw wrongValue("encoding", '"utf8", "latin1" or "ascii"', encoding);
  }
}

/** A rejection with what `check` throws, or `undefined` if it throws nothing. */
function checked(check: () => void): Promise<never> | undefined {
  try {
    check();
  } catch (error) {
    return rejected(error as Error);
  }
  return undefined;
}

function rejected(error: Error): Promise<never> {
  return Promise.reject(error);
}
