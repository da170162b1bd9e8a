import type { Buffer } from "node:buffer";
import type { OperationOptions } from "../options/operation.js";
import type { Connection } from "../connection.js";
import type { Data } from "../core/bytes/payload.js";

/**
 * How messages become bytes, and bytes messages again.
 *
 * Its methods are called within `receive` and `send`, or when bytes arrive. They return at once, not a promise, and neither read
 * from the connection nor close it.
 */
export interface Codec<Incoming, Outgoing = Incoming> {
  /**
   * Returns the first message in `bytes`, which begin where the last message ended, and `size`, how many of the bytes it has
   * taken: 1 or more. While the message is not whole, returns how many bytes it needs at least, counted from its beginning,
   * and is not called again before they are there; or `undefined` if that is not known, and is called when more bytes arrive.
   *
   * What it returns depends on nothing but `bytes`, of which there is at least one: it may get the same bytes again, for example
   * after a `receive` that was given up, and other ones after another read.
   *
   * `bytes` are a copy, also of bytes after the message. They are lent: `decode` may write over those of the message that it
   * returns, and over no others, and does not keep them otherwise. A message that is a view of them, a `Buffer` or a
   * `Uint8Array`, is given to the receiver in memory of its own. Views within an object are given as they are, and share their
   * memory, of 64 KiB or more, with messages around them: copy what is small and kept for long, and what is transferred.
   *
   * What it throws is the `cause` of an `ERR_INVALID_MESSAGE` that `receive` rejects with; the bytes stay unread. An answer that
   * makes no sense is the codec's fault, and `receive` rejects with a `TypeError` or a `RangeError`: nothing that is an answer; a
   * `size` that is not in 1…`bytes.length`; a need of no more bytes than there are.
   */
  decode(bytes: Buffer):
    | {
        /** The message, for `receive`. */
        message: Incoming;
        /** How many of the bytes it has taken: from 1 to `bytes.length`. */
        size: number;
      }
    | number
    | undefined;
  /**
   * Returns the bytes of a message: a string, sent as UTF-8, any view, an `ArrayBuffer`, or a list of them. They are sent in one
   * go and not copied: their memory stays as it is until `send` resolves. `send` rejects with what `encode` throws.
   */
  encode(message: Outgoing): Data | readonly Data[];
}

/**
 * Messages over a connection. Between messages the connection may be read and written directly, also by other
 * {@link Messages} over it. `Yielded` is what a loop over them yields: messages, or lists of them with `batch: true`.
 */
export interface Messages<Incoming, Outgoing = Incoming, Yielded = Incoming> extends AsyncIterable<Yielded> {
  /** The connection that the messages come and go over. */
  readonly connection: Connection;
  /**
   * Resolves to the next message, or to `null` at the end of the stream. A codec may have `null` for a message; a loop tells it
   * from the end. A message that is bytes belongs to the caller.
   *
   * @param options.timeout - ms for the whole call; `0`: only a message that is here already. Without it, each wait for more
   *   bytes is bounded by the connection's `readTimeout`
   * @throws NetTimeoutError, or what `signal` was aborted with: nothing was consumed, receive again when you like
   * @throws NetError `ERR_LIMIT`: the message is longer than the limit, as soon as that is known, and before memory is
   *   allocated for it; `ERR_INVALID_MESSAGE`: `decode` has thrown, and `cause` has its error; `ERR_UNEXPECTED_EOF`: the stream
   *   ends within a message; `ERR_BUSY`, `ERR_CLOSED`, and how the peer ended the connection, as `connection.read`. In every
   *   case the bytes stay unread: the next call finds the same message, and other reads get past it
   * @throws TypeError, RangeError for an answer of `decode` that makes no sense: the bytes stay unread
   */
  receive(options?: OperationOptions): Promise<Incoming | null>;
  /**
   * Resolves when the kernel has taken the message: memory in it belongs to the caller again. Messages are sent whole, in the
   * order of the calls, awaited or not, as all that is written.
   *
   * @param options.timeout - ms for the whole call; without it the connection's `writeTimeout`
   * @throws NetTimeoutError, or what `signal` was aborted with. Before its turn nothing of the message is sent
   *   (`error.written === "nothing"`); in its turn the rest of it stays queued, as for `connection.write`
   * @throws NetError `ERR_LIMIT`: the message is longer than the limit, and nothing of it is sent; otherwise as
   *   `connection.write`
   * @throws what `encode` throws, and TypeError for what it returns that is no data: nothing is sent
   */
  send(message: Outgoing, options?: OperationOptions): Promise<void>;
  /**
   * Iterates over the messages to come, until the end of the stream; fails as {@link receive} does. `break` and `return()` leave
   * the connection open, and consume nothing that was not given.
   *
   * With `batch: true` it yields lists, of all messages that have arrived; `readTimeout` bounds each wait for one. A list is the
   * program's, also the messages in it that the program has not looked at before a `break`; what is in no list stays unread.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Yielded>;
}
