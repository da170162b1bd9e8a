import { inspect } from "node:util";
import { checkLimit, notConnection, oneOf } from "../options/checks.js";
import { checkedOptions, schemaOf, type Complete } from "../options/schema.js";
import type { OperationOptions } from "../options/operation.js";
import { Connection, linkOf } from "../connection.js";
import { encodedLength, NEXT_FRAME, READ_FRAME, type FrameFormat } from "../core/reading/frames.js";
import { Loop } from "../core/reading/loops.js";
import type { ConnectionFacts } from "../core/facts.js";
import type { Link } from "../core/link.js";
import { lineOf, type Style } from "../inspection.js";
import type { NonSharedBuffer } from "../core/bytes/non-shared.js";
import { payloadOf, sizeOf, type Data, type Payload } from "../core/bytes/payload.js";
import { rejectedInTime } from "../core/timing/budget.js";
import { rejectedQuietly } from "../core/writing/sender.js";
import { refused } from "../errors.js";

/** Most bytes of a frame by default. */
const LIMIT = 4 * 1024 * 1024;

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

const FRAMES = schemaOf<FrameOptions>(
  { bytes: oneOf(1, 2, 4, 8), limit: checkLimit },
  { insteadOfNumber: "the size of the length is { bytes }" },
);

/** Frames over a connection. Between frames the connection may be read and written directly. */
export interface Frames extends AsyncIterable<NonSharedBuffer> {
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
  /** Iterates over the frames to come, until the end of the stream. `break` and `return()` leave the connection open. */
  [Symbol.asyncIterator](): AsyncIterableIterator<NonSharedBuffer>;
  /** `toString()` of the connection. */
  toString(): string;
  /** The connection, the size of the length and the limit, which `console.log` and `util.inspect` print in one line. */
  toJSON(): FramesFacts;
}

/** What {@link Frames} say of themselves: {@link Frames.toJSON}. */
export interface FramesFacts {
  readonly connection: ConnectionFacts;
  readonly bytes: number;
  readonly limit: number;
}

/**
 * Cuts the byte stream of a connection into messages, each with its length before it, as many protocols do.
 *
 * @throws TypeError, RangeError for wrong arguments
 *
 * @example
 * const frames = lengthPrefixed(connection, { bytes: 2 });
 * await frames.send("request");
 * for await (const frame of frames) console.log(frame);
 */
export function lengthPrefixed(connection: Connection, options: FrameOptions = {}): Frames {
  if (!((connection as unknown) instanceof Connection)) throw notConnection("connection", connection);
  const { bytes = 4, limit = LIMIT } = checkedOptions(options, FRAMES, copyOf);
  return new LengthPrefixed(connection, { bytes, limit: Math.min(limit, 256 ** bytes - 1) });
}

function copyOf({ bytes, limit }: FrameOptions): Complete<FrameOptions> {
  return { bytes, limit };
}

class LengthPrefixed implements Frames {
  readonly #connection: Connection;
  readonly #link: Link;
  readonly #format: FrameFormat;

  constructor(connection: Connection, format: FrameFormat) {
    this.#connection = connection;
    this.#link = linkOf(connection);
    this.#format = format;
  }

  receive(options?: OperationOptions): Promise<NonSharedBuffer | null> {
    return this.#link.input.request(READ_FRAME, this.#format, options);
  }

  send(data: Data | readonly Data[], options?: OperationOptions): Promise<void> {
    let payload: Payload;
    try {
      payload = payloadOf(data);
    } catch (error) {
      return rejectedInTime(error);
    }
    const { bytes, limit } = this.#format;
    const size = sizeOf(payload);
    if (size > limit) {
      const reason = `a frame of ${String(size)} bytes is over the limit of ${String(limit)}`;
      return rejectedQuietly(
        refused("write", this.#link.subject, "ERR_LIMIT", reason, { written: "nothing" }),
      );
    }
    const parts = typeof payload === "string" || payload instanceof Uint8Array ? [payload] : payload;
    return this.#link.output.write([encodedLength(size, bytes), ...parts], options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<NonSharedBuffer> {
    return new FrameLoop(this.#link, this.#format);
  }

  toString(): string {
    return #format in this ? this.#connection.toString() : Object.prototype.toString.call(this);
  }

  toJSON(): FramesFacts {
    if (!(#format in this)) return {} as FramesFacts;
    const { bytes, limit } = this.#format;
    return { connection: this.#connection.toJSON(), bytes, limit };
  }

  [inspect.custom](depth: number, style: Style): unknown {
    if (!(#format in this)) return this;
    const { connection, bytes, limit } = this.toJSON();
    return lineOf("Frames", this.toString(), { state: connection.state, bytes, limit }, depth, style);
  }
}

class FrameLoop extends Loop<NonSharedBuffer> {
  protected override readonly argument: FrameFormat;

  constructor(link: Link, format: FrameFormat) {
    super(link.input);
    this.argument = { ...format };
  }

  protected override pull(): Promise<IteratorResult<NonSharedBuffer, undefined>> {
    return this.input.pull(NEXT_FRAME, this.argument, undefined);
  }
}
