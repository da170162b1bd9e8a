import { inspect } from "node:util";
import { checkBoolean, checkLimit, notConnection, oneOf } from "../options/checks.js";
import type { BatchOptions } from "../options/read.js";
import { checkedOptions, schemaOf, type Complete } from "../options/schema.js";
import type { OperationOptions } from "../options/operation.js";
import { Connection } from "../connection.js";
import type { ConnectionFacts } from "../core/facts.js";
import type { NonSharedBuffer } from "../core/bytes/non-shared.js";
import type { Data } from "../core/bytes/payload.js";
import { lineOf, type Style } from "../inspection.js";
import type { Messages } from "./codec.js";
import { lengthPrefix } from "./codecs/length-prefix.js";
import { Framed, MESSAGE_LIMIT } from "./framed.js";

/** What frames look like. */
export interface FrameOptions {
  /**
   * Bytes of the length that stands before each frame, an unsigned big-endian number: 1, 2, 4 or 8.
   *
   * @default 4
   * @example lengthPrefixed(connection, { bytes: 2 });
   */
  bytes?: 1 | 2 | 4 | 8 | undefined;
  /**
   * Most bytes of a frame, received or sent, its length not counted. `Infinity`: as many as the length can say. `0`: only
   * empty frames.
   *
   * @default 4 MiB
   * @example lengthPrefixed(connection, { limit: 64 * 1024 });
   */
  limit?: number | undefined;
}

const FRAMES = schemaOf<FrameOptions & BatchOptions>(
  { bytes: oneOf(1, 2, 4, 8), limit: checkLimit, batch: checkBoolean },
  { insteadOfNumber: "the size of the length is { bytes }" },
);

/**
 * Frames over a connection. Between frames the connection may be read and written directly. `Yielded` is what a loop over them
 * yields: frames, or lists of them with `batch: true`.
 */
export interface Frames<Yielded = NonSharedBuffer> extends Messages<
  NonSharedBuffer,
  Data | readonly Data[],
  Yielded
> {
  /**
   * Resolves to the next frame, or to `null` at the end of the stream. The buffer belongs to the caller.
   *
   * @throws NetTimeoutError, or what `signal` was aborted with: nothing was consumed
   * @throws NetError `ERR_LIMIT`: the frame is longer than the limit, and no memory was allocated for it;
   *   `ERR_UNEXPECTED_EOF`: the stream ends within a frame; otherwise as `connection.read`. In every case the bytes stay unread
   */
  receive(options?: OperationOptions): Promise<NonSharedBuffer | null>;
  /**
   * Resolves when the kernel has taken the frame. Its length and payload are sent in one go; a list is one frame.
   *
   * @throws NetError `ERR_LIMIT`: the frame is longer than the limit, or than its length can express; otherwise as
   *   `connection.write`
   */
  send(payload: Data | readonly Data[], options?: OperationOptions): Promise<void>;
  /**
   * Iterates over the frames to come, until the end of the stream: with `batch: true` in lists of all frames that have arrived.
   * `break` and `return()` leave the connection open.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Yielded>;
  /** `toString()` of the connection. */
  toString(): string;
  /** The connection, the size of the length and the limit, which `console.log` and `util.inspect` print in one line. */
  toJSON(): FramesFacts;
}

/** What {@link Frames} say of themselves: {@link Frames.toJSON}. */
export interface FramesFacts {
  /** What the connection says of itself. */
  readonly connection: ConnectionFacts;
  /** The size of the length that is before each message, in bytes. */
  readonly bytes: number;
  /** Most bytes that a message may have. */
  readonly limit: number;
}

/**
 * Cuts the byte stream of a connection into messages, each with its length before it, as many protocols do. It is
 * `framed(connection, lengthPrefix({ bytes }), { limit, batch })`.
 *
 * @throws TypeError, RangeError for wrong arguments
 *
 * @example
 * const frames = lengthPrefixed(connection, { bytes: 2 });
 * await frames.send("request");
 * for await (const frame of frames) console.log(frame);
 */
export function lengthPrefixed(
  connection: Connection,
  options?: FrameOptions & { batch?: false | undefined },
): Frames;
export function lengthPrefixed(
  connection: Connection,
  options: FrameOptions & { batch: true },
): Frames<NonSharedBuffer[]>;
export function lengthPrefixed(
  connection: Connection,
  options: FrameOptions & BatchOptions,
): Frames<NonSharedBuffer | NonSharedBuffer[]>;
export function lengthPrefixed(
  connection: Connection,
  options: FrameOptions & BatchOptions = {},
): Frames<NonSharedBuffer | NonSharedBuffer[]> {
  if (!((connection as unknown) instanceof Connection)) throw notConnection("connection", connection);
  const { bytes = 4, limit = MESSAGE_LIMIT, batch = false } = checkedOptions(options, FRAMES, copyOf);
  return new LengthPrefixed(connection, bytes, Math.min(limit, 256 ** bytes - 1), batch);
}

function copyOf({ bytes, limit, batch }: FrameOptions & BatchOptions): Complete<FrameOptions & BatchOptions> {
  return { bytes, limit, batch };
}

class LengthPrefixed
  extends Framed<NonSharedBuffer, Data | readonly Data[]>
  implements Frames<NonSharedBuffer | NonSharedBuffer[]>
{
  readonly #bytes: number;

  constructor(
    connection: Connection,
    bytes: Exclude<FrameOptions["bytes"], undefined>,
    limit: number,
    batch: boolean,
  ) {
    super(connection, lengthPrefix({ bytes }), limit, batch);
    this.#bytes = bytes;
  }

  override toJSON(): FramesFacts {
    if (!(#bytes in this)) return {} as FramesFacts;
    const { connection, limit } = super.toJSON();
    return { connection, bytes: this.#bytes, limit };
  }

  override [inspect.custom](depth: number, style: Style): unknown {
    if (!(#bytes in this)) return this;
    const { connection, bytes, limit } = this.toJSON();
    return lineOf("Frames", this.toString(), { state: connection.state, bytes, limit }, depth, style);
  }
}
