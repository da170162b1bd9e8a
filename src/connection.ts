import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { ReadableStream, WritableStream } from "node:stream/web";
import { isUint8Array } from "node:util/types";
import { Addresses, subjectOf, type Addressed } from "./address/addresses.js";
import { checkBoolean, checkSize, illegalConstructor, wrongType, wrongValue } from "./options/checks.js";
import { checkOptions } from "./options/schema.js";
import type { OperationOptions } from "./options/operation.js";
import { classNameOf } from "./options/described.js";
import { ConnectedSocket } from "./connected-socket.js";
import { applyTo, halfOpenOf, checkedConnectionOptions, settingsOf } from "./options/connection.js";
import type { Settable } from "./core/transport/transport.js";
import type { ConnectionOptions } from "./options/connection.js";
import { adopt } from "./core/transport/adopt.js";
import type { Transport } from "./core/transport/transport.js";
import { establish } from "./core/establish.js";
import { Chunks, Lines } from "./core/reading/loops.js";
import { LineSearch, READ_LINE } from "./core/reading/lines.js";
import { givenBytes } from "./core/bytes/given-bytes.js";
import { Link, type LinkSettings } from "./core/link.js";
import type { Data } from "./core/bytes/payload.js";
import { READ_ALL, READ_CHUNK, READ_EXACTLY, READ_INTO, READ_UNTIL, Search } from "./core/reading/reads.js";
import {
  ALL_LIMIT,
  CHUNKS,
  encodingOf,
  LIMITED,
  limitOf,
  LINE,
  LINE_LIMIT,
  pullsOf,
} from "./options/read.js";
import type { ChunksOptions, LimitOptions, LineOptions } from "./options/read.js";
import type { Subject } from "./errors.js";
import { ConnectionDuplex, type SocketDuplex } from "./views/socket-duplex.js";
import { WebStreams } from "./views/web-streams.js";

/** @internal The engine of a connection, for what this library builds on it. */
export let linkOf: (connection: Connection) => Link;

/** @internal Makes a connection over a transport by {@link establish}. There is no other way to one. */
export let connectionOver: (
  transport: Transport,
  addresses: Addresses,
  settings: LinkSettings,
  subject?: Subject,
) => Connection;

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
export class Connection extends ConnectedSocket implements AsyncIterable<Buffer>, AsyncDisposable {
  readonly #link: Link;
  #duplex: ConnectionDuplex | undefined;
  #web: WebStreams | undefined;

  static {
    linkOf = (connection) => connection.#link;
    // Not by its name: a bundler renames a class that names itself.
    const construct = (link: Link, addresses: Addresses) => new this(link, addresses);
    connectionOver = (transport, addresses, settings, subject) =>
      establish(construct, transport, addresses, settings, subject);
  }

  /**
   * A connection over a stream of somebody else's: the socket of an HTTP upgrade, a `TLSSocket`, a child's stdio through
   * `Duplex.from`, one side of `stream.duplexPair()`. What the stream has buffered is read first, what was written to it
   * is sent first; from then on it is the connection's alone, until {@link detach}.
   *
   * What the stream knows of addresses, it has; `fd` is `undefined` unless it is a socket of the kernel's. Bytes count as
   * taken when the stream's callback says so. Streams know no RST but for sockets: {@link reset} destroys them.
   *
   * @throws TypeError for anything that is no Duplex, or lacks something of what is used of one, for one that another
   *   connection has, and for a socket that was made with `onread`
   */
  static from(stream: Duplex, options: ConnectionOptions = {}): Connection {
    options = checkedConnectionOptions(options);
    const transport = adopt(stream);
    applyTo(stream as Settable, options);
    const addresses = new Addresses(stream as Addressed);
    const text = `stream (${classNameOf(stream) ?? "Duplex"})`;
    const subject = addresses.remotePort === undefined ? { text } : subjectOf(addresses);
    const connection = connectionOver(transport, addresses, settingsOf(options), subject);
    if ((stream as Partial<Socket>).connecting === true) {
      stream.once("connect", () => Object.assign(addresses, new Addresses(stream as Addressed)));
    }
    return connection;
  }

  private constructor(link: Link, addresses: Addresses) {
    if (!((link as unknown) instanceof Link)) {
      throw illegalConstructor("Connection", "connect(), listener.accept() or Connection.from()");
    }
    super(link, addresses);
    this.#link = link;
  }

  // Reading

  /**
   * Resolves to the bytes that have arrived, as soon as there are any, or to `null` at the end of the stream. The buffer
   * is the caller's, as with all reads: nothing else is in its memory, and it may be kept, changed or transferred.
   *
   * @throws NetTimeoutError, or what `signal` was aborted with: nothing was consumed, read again when you like
   * @throws NetError `ERR_BUSY` (another read is waiting), `ERR_CLOSED`, or how the peer ended it, after all its data
   */
  read(options?: OperationOptions): Promise<Buffer | null> {
    return this.#link.input.request(READ_CHUNK, undefined, options);
  }

  /**
   * Resolves to how many bytes were put at the beginning of `target`, as soon as there are any, or to `null` at the end
   * of the stream. An empty target gives 0 at once. Until it settles the target belongs to the connection; one that is
   * detached or made smaller meanwhile gets no more than it then can hold, and the rest stays unread.
   *
   * @throws as {@link read}; the target is then as it was
   */
  readInto(target: Uint8Array, options?: OperationOptions): Promise<number | null> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = isUint8Array(target) ? givenBytes(target, "target") : undefined;
    } catch (error) {
      return rejected(error as Error);
    }
    if (bytes === undefined) return rejected(wrongType("target", "a Uint8Array", target));
    return this.#link.input.request(READ_INTO, bytes, options);
  }

  /**
   * Resolves to exactly `size` bytes.
   *
   * @throws NetError `ERR_UNEXPECTED_EOF` if the stream ends before, `ERR_LIMIT`, at once, for more than one buffer can have
   *   on this machine; otherwise as {@link read}. In every case the bytes that have arrived stay unread
   */
  readExactly(size: number, options?: OperationOptions): Promise<Buffer> {
    try {
      checkSize("size", size);
    } catch (error) {
      return rejected(error as Error);
    }
    return this.#link.input.request(READ_EXACTLY, size, options);
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
    let search: Search;
    try {
      if (typeof delimiter !== "string" && !isUint8Array(delimiter))
        throw wrongType("delimiter", "a string or a Uint8Array", delimiter);
      if (delimiter.length === 0) throw wrongValue("delimiter", "at least one byte", delimiter);
      // A copy, also of bytes: the caller may do with those as it likes.
      search = new Search(Buffer.from(delimiter as string), limitOf(options, LIMITED, LINE_LIMIT));
    } catch (error) {
      return rejected(error as Error);
    }
    return this.#link.input.request(READ_UNTIL, search, options, undefined, LIMITED);
  }

  /**
   * Resolves to the next line, without its terminator, or to `null` at the end of the stream.
   *
   * A line ends with `\n` or `\r\n`; a last line may lack it, or have only the `\r`. Bytes are decoded once the line is whole.
   *
   * @param options.limit - most bytes a line may have, terminator not counted; 64 KiB by default, `Infinity`
   *   for as many as a string can have, 512 MiB
   * @param options.encoding - `"utf8"` by default, or `"latin1"` or `"ascii"`
   * @throws NetError `ERR_LIMIT`: the bytes stay unread; otherwise as {@link read}
   */
  readLine(options?: LineOptions): Promise<string | null> {
    let search: LineSearch;
    try {
      search = new LineSearch(limitOf(options, LINE, LINE_LIMIT), encodingOf(options));
    } catch (error) {
      return rejected(error as Error);
    }
    return this.#link.input.request(READ_LINE, search, options, undefined, LINE);
  }

  /**
   * Resolves to all bytes up to the end of the stream.
   *
   * @param options.limit - most bytes; 16 MiB by default, `Infinity` for as many as a `Buffer` can have
   * @throws NetError `ERR_LIMIT`; otherwise as {@link read}. In every case the bytes stay unread
   */
  readAll(options?: LimitOptions): Promise<Buffer> {
    let limit: number;
    try {
      limit = limitOf(options, LIMITED, ALL_LIMIT);
    } catch (error) {
      return rejected(error as Error);
    }
    return this.#link.input.request(READ_ALL, limit, options, undefined, LIMITED);
  }

  /**
   * Iterates over the lines to come, as {@link readLine} reads them; ends at the end of the stream.
   *
   * `timeout` is for each line, `signal` for the loop. `break` leaves the connection open and the rest unread, and so does
   * `return()` while a `next()` waits, which then resolves to `{ done: true }`.
   */
  lines(options?: LineOptions): AsyncIterableIterator<string> {
    const limit = limitOf(options, LINE, LINE_LIMIT);
    return new Lines(this.#link.input, limit, encodingOf(options), pullsOf(options, LINE));
  }

  /**
   * Iterates over the chunks to come, as {@link read} reads them; ends at the end of the stream.
   *
   * `timeout` is for each chunk, `signal` for the loop. `break` leaves the connection open and the rest unread, and so does
   * `return()` while a `next()` waits, which then resolves to `{ done: true }`.
   *
   * @param options.recycle - yield views that are valid only until the next read, over memory that is used again
   */
  chunks(options?: ChunksOptions): AsyncIterableIterator<Buffer> {
    checkOptions(options, CHUNKS);
    const { recycle = false } = options ?? {};
    checkBoolean("recycle", recycle);
    return new Chunks(this.#link.input, recycle, pullsOf(options, CHUNKS));
  }

  /** Iterates over the chunks to come: `chunks()`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    return this.chunks();
  }

  /**
   * Bytes that have arrived and can be read without waiting: CHICKEN's `char-ready?`. What {@link duplex} holds counts
   * once its user has left.
   */
  get readableLength(): number {
    return this.#link.input.readable;
  }

  // Writing

  /**
   * Resolves when the kernel has taken all of `data`: the memory is the caller's again. A list is sent in one go.
   *
   * Calls are sent whole, one after the other, in the order they were made, awaited or not. Nobody has to await: a
   * failure that nobody hears of shows at the next call and at {@link closed}, and is never an unhandled rejection, unless
   * it is of wrong arguments. With a `bufferSize`, data is copied and gathered and resolves at once, until that many bytes
   * wait: the write that fills it waits for all of them, and follows also when its caller gives up.
   *
   * @param data - a string, sent as UTF-8, any view, an `ArrayBuffer`, or a list of them. Memory that is transferred or
   *   resized before its turn fails the write (`TypeError`); in its turn it must stay as it is
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

  // The same bytes in the other two dialects

  /**
   * The connection as a Duplex of Node's, for `pipeline()`, `pipe()` and libraries that take one: always the same, made on
   * first use. What its user has read the connection's own reads do not see again, and the other way round; what it has
   * read ahead of a user who left, they get first.
   *
   * The `readTimeout` and `writeTimeout` bound its waits for progress; an error is a {@link NetError} and destroys it, and
   * with it the connection: reset, so that nobody takes half for the whole. {@link reset}, {@link close} and
   * {@link detach} destroy it without an error. `end()` sends FIN and reading goes on. It has
   * what libraries ask a `net.Socket` for: `setTimeout`, `readyState`, `destroySoon`, the addresses and the like.
   */
  get duplex(): SocketDuplex {
    return (this.#duplex ??= new ConnectionDuplex(this.#link, this));
  }

  /**
   * The receiving half as a byte stream of the web platform, always the same, made on first use. It reads nothing ahead
   * of its reader, and fills the buffer of one that brings its own (`mode: "byob"`). `cancel()` is {@link closeRead}. A
   * failure is a {@link NetError}, of this and of {@link writable}; a timeout resets the connection.
   */
  get readable(): ReadableStream<Uint8Array> {
    return (this.#web ??= new WebStreams(this.#link)).readable;
  }

  /**
   * The sending half as a stream of the web platform, always the same, made on first use. It takes views, `ArrayBuffer`s
   * and text; a write settles when the kernel has taken it, and `desiredSize` counts bytes, of which 64 KiB may be queued.
   * `close()` is {@link closeWrite}, `abort()` is {@link reset}. A chunk of another type is a `TypeError`, and a reset.
   */
  get writable(): WritableStream<Uint8Array> {
    return (this.#web ??= new WebStreams(this.#link)).writable;
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
   * @throws NetTimeoutError if bytes were still unsent: the connection was reset
   * @throws what `signal` was aborted with, whether or not bytes were unsent: the socket is closed
   * @throws NetError if bytes were lost, and nobody has heard of it from another call
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
   * `"input"`. For a descriptor that is shared with another process: CHICKEN's `tcp-abandon-port`.
   */
  abandon(side: "input" | "output"): void {
    if (side === "input") this.#link.input.abandoned = true;
    else if ((side as unknown) === "output") this.#link.output.abandoned = true;
    else throw wrongValue("side", '"input" or "output"', side);
  }

  /**
   * Hands over the socket, with its unread bytes and unsent writes in it, to whoever takes a `net.Socket`. The connection
   * cannot be used any more: its calls reject with `ERR_CLOSED`, those that wait as well; writes among these are still
   * sent (`written` is `"partly"`; the memory of the one that is being sent is the socket's until it has drained, or is
   * closed). The socket is as any `net.Socket`, and needs an `'error'` listener as every socket does; a stream that was
   * adopted is as it was.
   *
   * @param options.allowHalfOpen - whether the socket's own side stays open when its peer's end is read from it; `false` by
   *   default, as of all of Node's sockets, and for a stream that was adopted as it was
   * @throws TypeError for other options
   * @throws NetError `ERR_CLOSED` if the connection is closed or closing, or both its sides have ended
   */
  detach(options?: { allowHalfOpen?: boolean | undefined }): Socket {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- an adopted stream may be no socket
    return this.#link.detach(halfOpenOf(options)) as Socket;
  }

  /**
   * Resolves when all is over by our own close, reset or detach, or because both sides ended; rejects with the
   * {@link NetError} of a failure that was not ours. It never is an unhandled rejection.
   */
  get closed(): Promise<void> {
    return this.#link.awaitClosed();
  }
}

function rejected(error: Error): Promise<never> {
  return Promise.reject(error);
}
