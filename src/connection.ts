import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
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
import { NEXT_LINES, NEXT_RECORDS } from "./core/reading/batches.js";
import { Chunks, Lines, Records } from "./core/reading/loops.js";
import { failingInTime, rejectedInTime } from "./core/timing/budget.js";
import { makerHere } from "./core/forgotten.js";
import { checkedStartTls, type StartTlsOptions } from "./options/start-tls.js";
import { factsOfTls, type TlsFacts } from "./tls/snapshot.js";
import { startTls } from "./tls/start-tls.js";
import { LineRun, LineSearch, NEXT_LINE, READ_LINE } from "./core/reading/lines.js";
import { givenBytes } from "./core/bytes/given-bytes.js";
import { Link } from "./core/link.js";
import type { LinkSettings } from "./core/link-settings.js";
import { succeed } from "./core/successors.js";
import type { NonSharedBuffer } from "./core/bytes/non-shared.js";
import { joinedBytes, payloadOf, type Data } from "./core/bytes/payload.js";
import {
  NEXT_RECORD,
  PEEK,
  READ_ALL,
  READ_CHUNK,
  READ_EXACTLY,
  READ_INTO,
  READ_UNTIL,
  READ_UNTIL_ANY,
  type DelimitedRecord,
  type SearchForGiven,
} from "./core/reading/reads.js";
import { SearchForAny, searchFor, type DelimiterSearch } from "./core/reading/search.js";
import { delimiterListOf, delimitersOf, type Delimiter } from "./options/delimiters.js";
import {
  ALL_LIMIT,
  batchOf,
  CHUNKS,
  encodingOf,
  LIMITED,
  limitOf,
  LINE,
  LINE_LIMIT,
  LINES,
  pullsOf,
  SPLIT,
  terminatorOf,
} from "./options/read.js";
import type { BatchOptions, ChunksOptions, LimitOptions, LineOptions, SplitOptions } from "./options/read.js";
import { WRITE_LINE, writtenTerminatorOf } from "./options/write.js";
import type { WriteLineOptions, WriteOptions } from "./options/write.js";
import type { ConnectionOrigin } from "./diagnostics.js";
import type { Subject } from "./errors.js";
import { ConnectionDuplex } from "./views/connection-duplex.js";
import type { SocketDuplex } from "./views/socket-duplex.js";
import { WebStreams, type ByteReadable, type ByteWritable } from "./views/web-streams.js";

/** @internal Returns the link of a connection, for what this library builds on connections. */
export let linkOf: (connection: Connection) => Link;

/** @internal Has a connection give a Duplex that was made before it as its `duplex`. */
export let setDuplex: (connection: Connection, duplex: SocketDuplex) => void;

/** @internal Makes a connection over a transport by {@link establish}. There is no other way to one. */
export let connectionOver: (
  origin: ConnectionOrigin,
  transport: Transport,
  addresses: Addresses,
  settings: LinkSettings,
  subject?: Subject,
) => Connection;

/**
 * A TCP connection, or one over a Unix socket: bytes in both directions, to be awaited.
 *
 * The program closes each connection that it has: with `await using connection = await connect(…)`, or by `close()` in a
 * `finally`. Reads and writes are independent of each other. One read at a time may wait, and any number of writes.
 *
 * A timeout or an abort leaves the connection usable. A read that fails has consumed nothing. An explicit `timeout` bounds
 * the whole call, in ms; `0` allows only what can be done right now, `Infinity` sets no bound. Without one, each wait for
 * progress is bounded by the `readTimeout` or `writeTimeout` that the connection has had since it was made. Every rejection
 * is a {@link NetError}, with two exceptions: an abort rejects with the signal's reason, and wrong arguments with a
 * `TypeError` or a `RangeError`.
 *
 * @example
 * await using connection = await connect("localhost", 6379);
 * await connection.writeLine("PING");
 * console.log(await connection.readLine());
 */
export class Connection extends ConnectedSocket implements AsyncIterable<NonSharedBuffer>, AsyncDisposable {
  readonly #link: Link;
  #duplex: SocketDuplex | undefined;
  #web: WebStreams | undefined;

  static {
    linkOf = (connection) => connection.#link;
    setDuplex = (connection, duplex) => (connection.#duplex = duplex);
    // Not by its name: a bundler renames a class that names itself.
    const construct = (link: Link, addresses: Addresses) => new this(link, addresses);
    connectionOver = (origin, transport, addresses, settings, subject) =>
      establish(construct, origin, transport, addresses, settings, subject);
  }

  /**
   * Makes a connection of a stream: the socket of an HTTP upgrade, a `TLSSocket`, a child's stdio through `Duplex.from`, one
   * side of `stream.duplexPair()`. Bytes that the stream has buffered are read first, and bytes that were written to it are
   * sent first. From then on the stream belongs to the connection, until {@link detach}.
   *
   * The connection has the addresses that the stream knows; `fd` is `undefined` unless the stream is a socket of the
   * kernel's. Bytes count as taken when the stream calls back. Only sockets can send RST: {@link reset} destroys any other
   * stream.
   *
   * @throws TypeError for a value that is no Duplex, or lacks a method that is needed; for a stream that another connection
   *   has; and for a socket that was made with `onread`
   */
  static from(stream: Duplex, options: ConnectionOptions = {}): Connection {
    options = checkedConnectionOptions(options);
    const transport = adopt(stream, { allowTruncation: options.allowTruncation ?? false });
    applyTo(stream as Settable, options);
    const addresses = new Addresses(stream as Addressed);
    const text = `stream (${classNameOf(stream) ?? "Duplex"})`;
    const subject = addresses.remotePort === undefined ? { text } : subjectOf(addresses);
    const connection = connectionOver("adopt", transport, addresses, settingsOf(options), subject);
    if ((stream as Partial<Socket>).connecting === true) {
      const stop = transport.whenConnected(() =>
        Object.assign(addresses, new Addresses(stream as Addressed)),
      );
      linkOf(connection).closed.then(stop, stop);
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
   * belongs to the caller, as with all reads: no other bytes are in its memory, and the caller may keep, change or transfer it.
   *
   * @throws NetTimeoutError, or what `signal` was aborted with: nothing was consumed, read again when you like
   * @throws NetError `ERR_BUSY` (another read is waiting), `ERR_CLOSED`, or how the peer ended the connection, after all
   *   bytes that it had sent
   */
  read(options?: OperationOptions): Promise<NonSharedBuffer | null> {
    return this.#link.input.request(READ_CHUNK, undefined, options);
  }

  /**
   * Resolves to the number of bytes that were put at the beginning of `target`, as soon as there are any, or to `null` at
   * the end of the stream; to 0 at once for an empty target. Until the promise settles the target belongs to the connection.
   * A target that is detached or made smaller meanwhile gets as many bytes as it can hold then, and the rest stays unread.
   *
   * @throws as {@link read}; the target is then as it was
   */
  readInto(target: Uint8Array, options?: OperationOptions): Promise<number | null> {
    let bytes: Uint8Array | undefined;
    try {
      bytes = isUint8Array(target) ? givenBytes(target, "target") : undefined;
    } catch (error) {
      return rejectedInTime(error);
    }
    if (bytes === undefined) return rejectedInTime(wrongType("target", "a Uint8Array", target));
    return this.#link.input.request(READ_INTO, bytes, options);
  }

  /**
   * Resolves to exactly `size` bytes.
   *
   * @throws NetError `ERR_UNEXPECTED_EOF` if the stream ends before; `ERR_LIMIT`, at once, for more bytes than one buffer can
   *   hold on this machine; otherwise as {@link read}. In every case the bytes that have arrived stay unread
   */
  readExactly(size: number, options?: OperationOptions): Promise<NonSharedBuffer> {
    try {
      checkSize("size", size);
    } catch (error) {
      return rejectedInTime(error);
    }
    return this.#link.input.request(READ_EXACTLY, size, options);
  }

  /**
   * Resolves to the bytes before the next `delimiter`, which is consumed and not part of them, or to `null` at the end
   * of the stream.
   *
   * Of several delimiters the one counts that is complete first, however the bytes arrive; of those that are complete with the
   * same byte, the longest: of `["\n", "\r\n"]`, the latter ends `"line\r\n"`. A delimiter that has another one in it, but not
   * at its end, is never found: with `["\r", "\r\n"]` every `"\r"` ends a record. {@link readUntilAny} tells which one it was.
   *
   * @param delimiter - one or more bytes, a string stands for its UTF-8; or a list of delimiters
   * @throws NetError `ERR_LIMIT` if more than `options.limit` bytes come before it (64 KiB by default),
   *   `ERR_UNEXPECTED_EOF` if the stream ends before it; otherwise as {@link read}. In every case the bytes stay unread
   */
  readUntil(
    delimiter: Delimiter | readonly Delimiter[],
    options?: LimitOptions,
  ): Promise<NonSharedBuffer | null> {
    let search: DelimiterSearch;
    try {
      search = searchFor(delimitersOf(delimiter), limitOf(options, LIMITED, LINE_LIMIT));
    } catch (error) {
      return rejectedInTime(error);
    }
    return this.#link.input.request(READ_UNTIL, search, options, undefined, LIMITED);
  }

  /**
   * Resolves to the bytes before the next of several delimiters, and to that delimiter as it was given; or to `null` at the end
   * of the stream. The delimiter is consumed. Which one counts is the same as for {@link readUntil}.
   *
   * @throws as {@link readUntil}
   *
   * @example
   * const asked = await connection.readUntilAny(["login: ", "Password: "]);
   * if (asked?.delimiter === "Password: ") await connection.writeLine(password);
   */
  readUntilAny<const D extends Delimiter>(
    delimiters: readonly D[],
    options?: LimitOptions,
  ): Promise<DelimitedRecord<D> | null> {
    let sought: SearchForGiven;
    try {
      const search = new SearchForAny(delimiterListOf(delimiters), limitOf(options, LIMITED, LINE_LIMIT));
      sought = { search, given: [...delimiters] };
    } catch (error) {
      return rejectedInTime(error);
    }
    const { input } = this.#link;
    return input.request(
      READ_UNTIL_ANY,
      sought,
      options,
      undefined,
      LIMITED,
    ) as Promise<DelimitedRecord<D> | null>;
  }

  /**
   * Resolves to the next line, without its terminator, or to `null` at the end of the stream.
   *
   * A line ends with `\n` or `\r\n`. The last line may lack its terminator, or have only the `\r`. Bytes are decoded once the
   * line is whole. For lines as bytes, whatever their encodings, see {@link split}: `split(["\r\n", "\n"])`.
   *
   * @param options.limit - most bytes of a line, its terminator not counted; 64 KiB by default, `Infinity` for as many as a
   *   string can have, 512 MiB
   * @param options.encoding - `"utf8"` by default, or `"latin1"` or `"ascii"`
   * @param options.terminator - what ends a line: `"lf"` by default, which is as above; `"crlf"`, strictly; `"cr"`; or `"any"`
   *   of the three. See {@link LineOptions}
   * @throws NetError `ERR_LIMIT`; with `"crlf"` also `ERR_INVALID_LINE` for a `\n` or a `\r` that stands alone, and
   *   `ERR_UNEXPECTED_EOF` for a last line without its terminator; otherwise as {@link read}. In every case the bytes stay
   *   unread: with another `terminator`, or by any other read, the program can have them
   */
  readLine(options?: LineOptions): Promise<string | null> {
    let search: LineSearch;
    try {
      search = new LineSearch(limitOf(options, LINE, LINE_LIMIT), encodingOf(options), terminatorOf(options));
    } catch (error) {
      return rejectedInTime(error);
    }
    return this.#link.input.request(READ_LINE, search, options, undefined, LINE);
  }

  /**
   * Resolves to the next `size` bytes, which stay unread; to fewer at the end of the stream, to none behind the last byte. The
   * buffer is a copy, and belongs to the caller. More bytes than `readAhead` are read while this waits.
   *
   * @throws NetError `ERR_LIMIT`, at once, for more bytes than one buffer can hold on this machine; otherwise as {@link read}
   *
   * @example
   * const isTls = (await connection.peek(1))[0] === 0x16;
   */
  peek(size: number, options?: OperationOptions): Promise<NonSharedBuffer> {
    try {
      checkSize("size", size);
    } catch (error) {
      return rejectedInTime(error);
    }
    return this.#link.input.request(PEEK, size, options);
  }

  /**
   * Puts a copy of `bytes` before all that is unread, at once: they are what reads get next, also behind the end of the
   * stream. They count for {@link readableLength} and `readAhead`, and not for {@link bytesRead}. They need not be bytes that
   * were read.
   *
   * @param bytes - a string, put back as UTF-8, any view, an `ArrayBuffer`, or a list of them
   * @throws TypeError for anything else
   * @throws NetError `ERR_BUSY` if a read waits, or a stream over the connection is being read; `ERR_CLOSED`, also after
   *   {@link closeRead}
   *
   * @example
   * const head = await connection.readExactly(8);
   * if (!head.equals(MAGIC)) connection.unread(head);
   */
  unread(bytes: Data | readonly Data[]): void {
    this.#link.input.unread(joinedBytes(payloadOf(bytes, "bytes", "bytes[]")));
  }

  /**
   * Resolves to all bytes up to the end of the stream.
   *
   * @param options.limit - most bytes; 16 MiB by default, `Infinity` for as many as a `Buffer` can hold
   * @throws NetError `ERR_LIMIT`; otherwise as {@link read}. In every case the bytes stay unread
   */
  readAll(options?: LimitOptions): Promise<NonSharedBuffer> {
    let limit: number;
    try {
      limit = limitOf(options, LIMITED, ALL_LIMIT);
    } catch (error) {
      return rejectedInTime(error);
    }
    return this.#link.input.request(READ_ALL, limit, options, undefined, LIMITED);
  }

  /**
   * Iterates over the lines to come, as {@link readLine} reads them, until the end of the stream.
   *
   * `timeout` bounds each line, `signal` the loop. `break` leaves the connection open and the rest unread. So does `return()`
   * while a `next()` waits; that `next()` resolves to `{ done: true }`.
   *
   * With `batch: true` it yields lists, of all lines that have arrived; `timeout` bounds the wait for each list. A list is the
   * program's, also the lines in it that the program has not looked at before a `break`; what is in no list stays unread.
   *
   * @example
   * for await (const line of connection.lines({ limit: 1024 })) console.log(line);
   */
  lines(options?: LineOptions & { batch?: false | undefined }): AsyncIterableIterator<string>;
  lines(options: LineOptions & { batch: true }): AsyncIterableIterator<string[]>;
  lines(options: LineOptions & BatchOptions): AsyncIterableIterator<string | string[]>;
  lines(options?: LineOptions & BatchOptions): AsyncIterableIterator<string | string[]> {
    const run = new LineRun(limitOf(options, LINES, LINE_LIMIT), encodingOf(options), terminatorOf(options));
    const { input } = this.#link;
    return batchOf(options)
      ? new Lines(input, NEXT_LINES, run, pullsOf(options, LINES))
      : new Lines(input, NEXT_LINE, run, pullsOf(options, LINES));
  }

  /**
   * Iterates over the records to come, the bytes before each `delimiter`, as {@link readUntil} reads them, until the end of the
   * stream. Each buffer belongs to the caller.
   *
   * `timeout` bounds each record, `signal` the loop. `break` leaves the connection open and the rest unread. So does `return()`
   * while a `next()` waits; that `next()` resolves to `{ done: true }`.
   *
   * With `batch: true` it yields lists, of all records that have arrived; `timeout` bounds the wait for each list. A list is the
   * program's, also the records in it that the program has not looked at before a `break`; what is in no list stays unread.
   *
   * @param delimiter - one or more bytes, a string stands for its UTF-8; or a list of delimiters
   * @param options.limit - most bytes of a record, its delimiter not counted; 64 KiB by default
   * @param options.last - yield what comes before the end of the stream without a delimiter; by default that is
   *   `ERR_UNEXPECTED_EOF`, and the bytes stay unread
   *
   * @example
   * for await (const message of connection.split("\x1c\r", { limit: 1024 * 1024 })) console.log(message);
   */
  split(
    delimiter: Delimiter | readonly Delimiter[],
    options?: SplitOptions & { batch?: false | undefined },
  ): AsyncIterableIterator<NonSharedBuffer>;
  split(
    delimiter: Delimiter | readonly Delimiter[],
    options: SplitOptions & { batch: true },
  ): AsyncIterableIterator<NonSharedBuffer[]>;
  split(
    delimiter: Delimiter | readonly Delimiter[],
    options: SplitOptions & BatchOptions,
  ): AsyncIterableIterator<NonSharedBuffer | NonSharedBuffer[]>;
  split(
    delimiter: Delimiter | readonly Delimiter[],
    options?: SplitOptions & BatchOptions,
  ): AsyncIterableIterator<NonSharedBuffer | NonSharedBuffer[]> {
    const delimiters = delimitersOf(delimiter);
    const search = searchFor(delimiters, limitOf(options, SPLIT, LINE_LIMIT));
    const { last = false } = options ?? {};
    checkBoolean("last", last);
    const { input } = this.#link;
    return batchOf(options)
      ? new Records(input, NEXT_RECORDS, search, last, pullsOf(options, SPLIT))
      : new Records(input, NEXT_RECORD, search, last, pullsOf(options, SPLIT));
  }

  /**
   * Iterates over the chunks to come, as {@link read} reads them, until the end of the stream.
   *
   * `timeout` bounds each chunk, `signal` the loop. `break` leaves the connection open and the rest unread. So does `return()`
   * while a `next()` waits; that `next()` resolves to `{ done: true }`.
   *
   * @param options.recycle - yield views of memory that is used again, each valid only until the next read; `false` by
   *   default
   *
   * @example
   * for await (const chunk of connection.chunks({ recycle: true })) hash.update(chunk);
   */
  chunks(options?: ChunksOptions): AsyncIterableIterator<NonSharedBuffer> {
    checkOptions(options, CHUNKS);
    const { recycle = false } = options ?? {};
    checkBoolean("recycle", recycle);
    return new Chunks(this.#link.input, recycle, pullsOf(options, CHUNKS));
  }

  /** Iterates over the chunks to come: `chunks()`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<NonSharedBuffer> {
    return this.chunks();
  }

  /**
   * Bytes that have arrived and can be read without waiting: CHICKEN's `char-ready?`. Bytes that {@link duplex} holds
   * count once its user has left.
   */
  get readableLength(): number {
    return this.#link.input.readable;
  }

  // Writing

  /**
   * Resolves when the kernel has taken all of `data`: the memory belongs to the caller again. A list is sent in one go.
   *
   * Calls are sent whole, one after the other, in the order in which they were made, awaited or not. A program need not await
   * them. A failure that no caller has observed makes the next call and {@link closed} reject. It is never an unhandled
   * rejection, unless an argument was wrong.
   *
   * With a `bufferSize`, data is copied and gathered, and the call resolves at once, until the gathered bytes fill the
   * buffer. The write that fills it waits until the kernel has taken all of them; they are sent also if its caller gives up.
   *
   * @param data - a string, sent as UTF-8 unless `encoding` says otherwise, any view, an `ArrayBuffer`, or a list of them. If
   *   memory is transferred or resized before its turn, the write fails (`TypeError`). In its turn the memory must stay as it is
   * @param options.encoding - `"utf8"` by default, or `"latin1"`: each character of a text is one byte, and a character
   *   above U+00FF a `TypeError`
   * @throws NetTimeoutError, or what `signal` was aborted with. Before its turn the write leaves the queue
   *   (`error.written === "nothing"`). In its turn some bytes are sent already (`"partly"`), so the rest stays queued, and
   *   the memory belongs to the connection until {@link flush} or {@link closed} settles; to give up, {@link reset}
   * @throws NetError `ERR_CLOSED`, or how the peer ended the connection: what the peer had sent before can still be read
   *
   * @example
   * await connection.write([header, body]);
   */
  write(data: Data | readonly Data[], options?: WriteOptions): Promise<void> {
    return this.#link.output.write(data, options);
  }

  /**
   * Writes `line` and `\n`, or another `terminator`; see {@link write}. The line is sent as it is, also if it has the
   * terminator in it.
   *
   * @param options.terminator - the text that ends the line; `"\n"` by default
   * @param options.encoding - `"utf8"` by default, or `"latin1"`, as of {@link write}
   *
   * @example
   * await connection.writeLine("QUIT", { terminator: "\r\n" });
   */
  writeLine(line: string, options?: WriteLineOptions): Promise<void> {
    if (typeof line !== "string")
      return rejectedInTime(wrongType("line", "a string (write sends bytes)", line));
    if (options === undefined) return this.#link.output.write(line + "\n");
    try {
      return this.#link.output.write(line + writtenTerminatorOf(options), options, "line", WRITE_LINE);
    } catch (error) {
      return rejectedInTime(error);
    }
  }

  /**
   * Sends what is gathered, and resolves when the kernel has taken all that was written so far.
   *
   * @throws as {@link write}; a timeout or an abort leaves what is queued in the queue
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
   * The connection as a Duplex of Node's, for `pipeline()`, `pipe()` and libraries that take one: always the same object,
   * made on first use. Each byte is read once, from the Duplex or by the connection's own reads. When the user of the Duplex
   * has left, the connection's own reads get first what the Duplex has read ahead.
   *
   * The `readTimeout` and `writeTimeout` bound its waits for progress. An error is a {@link NetError}; it destroys the Duplex
   * and resets the connection, so that the peer does not take a part for the whole. {@link reset}, {@link close} and
   * {@link detach} destroy the Duplex without an error. `end()` sends FIN, and reading goes on. It has what libraries ask a
   * `net.Socket` for: `setTimeout`, `readyState`, `destroySoon`, the addresses and the like.
   *
   * @example
   * await pipeline(connection.duplex, createGunzip(), createWriteStream("file"));
   */
  get duplex(): SocketDuplex {
    return (this.#duplex ??= new ConnectionDuplex(this.#link, this));
  }

  /**
   * The receiving half as a byte stream of the web platform: always the same object, made on first use. It reads nothing
   * ahead of its reader, and fills a buffer that the reader brings (`mode: "byob"`). `cancel()` is {@link closeRead}. If it
   * fails, {@link writable} fails too, both with a {@link NetError}; a timeout resets the connection.
   */
  get readable(): ByteReadable {
    return (this.#web ??= new WebStreams(this.#link)).readable;
  }

  /**
   * The sending half as a stream of the web platform: always the same object, made on first use. It takes views,
   * `ArrayBuffer`s and text. A write settles when the kernel has taken it; `desiredSize` counts bytes, of which 64 KiB may be
   * queued. `close()` is {@link closeWrite}, `abort()` is {@link reset}. A chunk of another type is a `TypeError`, and resets
   * the connection.
   */
  get writable(): ByteWritable {
    return (this.#web ??= new WebStreams(this.#link)).writable;
  }

  /**
   * Resolves to a TLS connection over this one, once the handshake is done: STARTTLS. It takes the place of this one, and has
   * the timeouts and other options that this one has captured. Calls of this one reject with `ERR_CLOSED` as soon as
   * `startTls` is called; its `reset()`, its `close()` and the abort of its `closeOn` give up the handshake.
   *
   * What was written is sent first. A client checks the certificate of the server against the `servername`, or else the host
   * that the program has connected to. A connection that has TLS can have it once more.
   *
   * @param options - those of `tls.connect`, or with `isServer: true` those of `tls.createServer`. `timeout`: most ms for all of
   *   it, what is still to be sent and the handshake. Without it, the connection's `readTimeout`; `Infinity`: no bound; `0`: no
   *   handshake can be done
   * @throws NetError with operation `"tls"`: how the handshake failed, with the code of OpenSSL or Node, as for
   *   {@link connect}; the connection is reset
   * @throws NetError `ERR_TLS_PLAINTEXT` if bytes have arrived in the clear that were not read: what somebody on the way has
   *   injected there would be taken for a part of what is secure (CVE-2011-0411); the connection is reset. A server takes the
   *   first message of a handshake
   * @throws NetTimeoutError, or what `signal` was aborted with, also before the call: the connection is reset
   * @throws NetError `ERR_BUSY` if a read waits, `ERR_CLOSED`; and for a key, a certificate, a cipher or a version that
   *   cannot be used: the connection is as it was
   * @throws TypeError for wrong options; for a client without a name to check, as for {@link connect}: the connection is as
   *   it was
   *
   * @example
   * await connection.writeLine("STARTTLS");
   * await connection.readLine();
   * const secure = await connection.startTls({ servername: "mail.example.org" });
   */
  async startTls(options: StartTlsOptions = {}): Promise<Connection> {
    return await failingInTime(async () => {
      const { side, operation, allowTruncation } = checkedStartTls(options);
      const link = this.#link;
      const settings = { ...link.settings, maker: makerHere() };
      const transport = await startTls(link, side, operation, allowTruncation);
      const secure = connectionOver("startTls", transport, this.addresses, settings, link.subject);
      succeed(link, linkOf(secure));
      return secure;
    });
  }

  /**
   * What the TLS handshake has agreed on: `undefined` without TLS, and over an adopted `TLSSocket` that is still in its
   * handshake, or is destroyed before this is first asked for.
   */
  get tls(): TlsFacts | undefined {
    const { stream } = this.#link.transport;
    return stream === null ? undefined : factsOfTls(stream);
  }

  // Ending

  /**
   * Ends our side: sends what was written so far, then FIN, and resolves when the FIN is sent. Reading goes on. A second call
   * waits for the same FIN. Writes from now on reject with `ERR_CLOSED`.
   *
   * @throws NetTimeoutError, or what `signal` was aborted with: the rest and the FIN still follow
   * @throws NetError if what was written could not be sent
   */
  closeWrite(options?: OperationOptions): Promise<void> {
    return this.#link.output.end(options);
  }

  /**
   * Ends reading, at once: what has arrived and what still arrives is thrown away. Reads resolve to `null` from now on; a read
   * that waits rejects with `ERR_CLOSED`. Writing goes on. When both sides are closed the socket closes as with {@link close}.
   */
  closeRead(): void {
    this.#link.closeInput();
  }

  /**
   * Closes the connection, and resolves when the socket is closed. All calls wait for the same.
   *
   * What was written is sent, then FIN; the `writeTimeout` bounds each wait. What the peer still sends is thrown away until
   * its own FIN, for at most 2 s: closing the socket before would send RST, and could destroy our last bytes in flight
   * (RFC 9112, section 9.6). A read that waits rejects with `ERR_CLOSED`.
   *
   * @param options.timeout - most ms for all of it, in place of `writeTimeout`; `0` sends only what the kernel takes now
   * @throws NetTimeoutError if bytes were still unsent: the connection was reset
   * @throws what `signal` was aborted with, whether or not bytes were unsent: the socket is closed
   * @throws NetError if bytes were lost, and no caller has observed that at another call
   */
  close(options?: OperationOptions): Promise<void> {
    return this.#link.close(options);
  }

  /** `await using`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#link.close();
  }

  /**
   * Drops everything and closes the socket, at once, with RST: the peer's reads and writes fail. Unix sockets have no RST
   * and just close. Calls that wait reject with `ERR_CLOSED`.
   */
  reset(): void {
    this.#link.reset();
  }

  /**
   * Lets a later close of one side leave that side of the TCP connection as it is: no FIN is sent for `"output"`, and nothing
   * more is read for `"input"`. For a descriptor that is shared with another process: CHICKEN's `tcp-abandon-port`.
   */
  abandon(side: "input" | "output"): void {
    if (side === "input") this.#link.input.abandoned = true;
    else if ((side as unknown) === "output") this.#link.output.abandoned = true;
    else throw wrongValue("side", '"input" or "output"', side);
  }

  /**
   * Gives the socket back, with the unread bytes and the unsent writes in it, to be used as any `net.Socket`. It needs an
   * `'error'` listener, as every socket does. A stream that was adopted is as it was before.
   *
   * The connection cannot be used any more. Its calls reject with `ERR_CLOSED`, also those that wait. Writes that wait are
   * still sent (`written` is `"partly"`); the memory of the write that is being sent belongs to the socket until it has
   * drained or is closed.
   *
   * @param options.allowHalfOpen - whether the socket's own side stays open when its peer's end is read from it; `false` by
   *   default, as for all of Node's sockets, and for an adopted stream what it was before
   * @throws TypeError for other options
   * @throws NetError `ERR_CLOSED` if the connection is closed or closing, or both its sides have ended
   */
  detach(options?: { allowHalfOpen?: boolean | undefined }): Socket {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- an adopted stream may be no socket
    return this.#link.detach(halfOpenOf(options)) as Socket;
  }

  /**
   * Resolves when the connection is over by our own close, reset or detach, or because both sides have ended; rejects with
   * the {@link NetError} of a failure that was not of our making. It never is an unhandled rejection.
   */
  get closed(): Promise<void> {
    return this.#link.awaitClosed();
  }
}
