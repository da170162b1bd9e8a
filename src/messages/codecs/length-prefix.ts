import { Buffer } from "node:buffer";
import { checkBoolean, checkInteger, checkSize, oneOf, outOfRange } from "../../options/checks.js";
import { checkedOptions, schemaOf, type Complete } from "../../options/schema.js";
import type { NonSharedBuffer } from "../../core/bytes/non-shared.js";
import { copyOf } from "../../core/bytes/own-memory.js";
import { bytesOf, partsOf, payloadOf, sizeOf, type Data, type Payload } from "../../core/bytes/payload.js";
import { Refusal } from "../../core/reading/reads.js";
import type { Codec } from "../codec.js";
import { withDirect } from "../direct.js";
import { FrameTaker, noFrame, type LengthFormat } from "./frame-taker.js";

/** Where the length of a frame stands, and what it counts: the terms of Netty and tokio-util. */
export interface LengthPrefixOptions {
  /**
   * Bytes of the length, an unsigned number: 1, 2, 3, 4 or 8.
   *
   * @default 4
   * @example lengthPrefix({ bytes: 2 }); // DNS over TCP
   */
  bytes?: 1 | 2 | 3 | 4 | 8 | undefined;
  /**
   * Whether the lowest byte of the length comes first.
   *
   * @default false
   * @example lengthPrefix({ littleEndian: true }); // Source RCON
   */
  littleEndian?: boolean | undefined;
  /**
   * Bytes of a frame before its length. It also says what `send` takes: with `0` what follows the length, which `send`
   * puts before it; with more the whole frame, in a copy of which `send` fills in the length.
   *
   * @default 0
   * @example lengthPrefix({ offset: 4, bytes: 2, skip: 0 }); // Modbus TCP
   */
  offset?: number | undefined;
  /**
   * Added to the length, it gives the bytes that follow the length. Negative where the length counts itself or what is
   * before it; positive where it leaves out some of what follows.
   *
   * @default 0
   * @example lengthPrefix({ offset: 1, adjustment: -4, skip: 0 }); // PostgreSQL: the length counts itself
   */
  adjustment?: number | undefined;
  /**
   * Bytes at the front of each frame that are not in the message. `0`: messages are whole frames.
   *
   * @default `offset + bytes`: a message is what follows the length
   * @example lengthPrefix({ bytes: 2, skip: 0 });
   */
  skip?: number | undefined;
}

/** Most bytes of `offset`, `skip` and `adjustment`: far from where sums with a length would be rounded. */
const MAX_BYTES = 2 ** 31 - 1;

const OPTIONS = schemaOf<LengthPrefixOptions>(
  {
    bytes: oneOf(1, 2, 3, 4, 8),
    littleEndian: checkBoolean,
    offset: (name, value) => {
      checkSize(name, value, MAX_BYTES);
    },
    adjustment: (name, value) => {
      checkInteger(name, value, -MAX_BYTES, MAX_BYTES);
    },
    skip: (name, value) => {
      checkSize(name, value, MAX_BYTES);
    },
  },
  {
    elsewhere: {
      limit: "framed(connection, codec, { limit }) takes one",
      size: "the size of the length is bytes",
    },
    insteadOfNumber: "the size of the length is { bytes }",
  },
);

function copied({ bytes, littleEndian, offset, adjustment, skip }: LengthPrefixOptions) {
  return { bytes, littleEndian, offset, adjustment, skip } satisfies Complete<LengthPrefixOptions>;
}

/**
 * Messages with their length before them, or in their header: the codec of most binary protocols.
 *
 * A frame is `offset` bytes, the length of `bytes` bytes, and as many bytes as the length says, with `adjustment` added to
 * it. A message that is received is the frame without its first `skip` bytes; its memory is its own.
 *
 * What `send` takes depends on `offset` alone. With `offset` 0 it is what follows the length, and the length is put before
 * it, whatever `skip` is: frames that were received whole are sent on with `connection.write`. With `offset` above 0 it is
 * the whole frame, whatever stands where the length belongs: the length is filled in, in a copy of the header, so the memory
 * of the caller stays as it is. A message may be a list of parts; it is one frame.
 *
 * - `decode` throws an error with the code `ERR_INVALID_MESSAGE` for a length that is negative with `adjustment` added, and for
 *   a frame that is shorter than `skip`. A length that is too large for a number of JavaScript's to be exact is over any limit.
 * - `encode` throws a `RangeError`: `ERR_LIMIT`, the message is longer than the length can say; `ERR_OUT_OF_RANGE`, it is shorter
 *   than its header, or than the shortest message that a length can stand for where `adjustment` is positive. It throws a
 *   `TypeError` for what is no data. Nothing is sent then.
 *
 * @throws TypeError, RangeError for wrong options
 *
 * @example
 * const messages = framed(connection, lengthPrefix({ bytes: 2 }));
 * await messages.send("request");
 * const reply = await messages.receive();
 */
export function lengthPrefix(options?: LengthPrefixOptions): Codec<NonSharedBuffer, Data | readonly Data[]> {
  const given = checkedOptions(options, OPTIONS, copied);
  const { bytes = 4, littleEndian = false, offset = 0, adjustment = 0 } = given;
  const format = { bytes, littleEndian, offset, adjustment, skip: given.skip ?? offset + bytes };
  return withDirect<NonSharedBuffer, Data | readonly Data[]>(
    { decode: (received) => decoded(received, format), encode: (message) => encoded(message, format) },
    {
      takerFor: (limit) => new FrameTaker(format, limit),
      payloadFor: (message, limit) => payloadFor(message, limit, format),
    },
  );
}

function decoded(received: Buffer, format: LengthFormat): ReturnType<Codec<NonSharedBuffer>["decode"]> {
  const { bytes, littleEndian, offset, adjustment, skip } = format;
  if (received.length < offset + bytes) return offset + bytes;
  const said = readLength(received, offset, bytes, littleEndian);
  const size = offset + bytes + said + adjustment;
  if (said + adjustment < 0 || size < skip) throw noFrame(said, format);
  return received.length < size ? size : { message: copyOf(received, skip, size), size };
}

function encoded(message: Data | readonly Data[], format: LengthFormat): readonly (string | Uint8Array)[] {
  const payload = payloadOf(message);
  return frameOf(payload, sizeOf(payload), format);
}

function payloadFor(message: Data | readonly Data[], limit: number, format: LengthFormat): Payload | Refusal {
  const payload = payloadOf(message);
  const size = sizeOf(payload);
  const most = Math.min(limit, mostOf(format));
  if (size <= most) return frameOf(payload, size, format);
  const reason = `a frame of ${String(size)} bytes is over the limit of ${String(most)}`;
  return new Refusal("ERR_LIMIT", reason);
}

function frameOf(payload: Payload, size: number, format: LengthFormat): readonly (string | Uint8Array)[] {
  const { bytes, littleEndian, offset } = format;
  // An empty text is a part, which would be sent.
  const parts = size === 0 ? [] : partsOf(payload);
  if (offset === 0) {
    const prefix = Buffer.allocUnsafe(bytes);
    writeLength(prefix, lengthOf(size, format), 0, bytes, littleEndian);
    return [prefix, ...parts];
  }
  const head = headOf(format);
  if (size < head) throw outOfRange("message", `a frame of at least ${String(head)} bytes, its header`, size);
  const length = lengthOf(size, format);
  const framed = withOwnHeader(parts, head);
  writeLength(framed[0], length, offset, bytes, littleEndian);
  return framed;
}

/** How many bytes of a message are the header in it. */
function headOf({ offset, bytes }: LengthFormat): number {
  return offset === 0 ? 0 : offset + bytes;
}

/** Most bytes of a message whose length the field can say. */
function mostOf(format: LengthFormat): number {
  return headOf(format) + format.adjustment + 256 ** format.bytes - 1;
}

/**
 * What the length field says of a message of `size` bytes.
 *
 * @throws RangeError if the field cannot say it
 */
function lengthOf(size: number, format: LengthFormat): number {
  const least = headOf(format) + format.adjustment;
  const most = mostOf(format);
  if (size > most) throw outOfRange("message", `at most ${String(most)} bytes`, size, "ERR_LIMIT");
  if (size < least) throw outOfRange("message", `at least ${String(least)} bytes`, size);
  return size - least;
}

/** The parts of a message, which has `size` bytes or more, the first `size` of them copied into a part of their own. */
function withOwnHeader(
  parts: readonly (string | Uint8Array)[],
  size: number,
): [Buffer, ...(string | Uint8Array)[]] {
  const header = Buffer.allocUnsafe(size);
  let filled = 0;
  let next = 0;
  let rest: Buffer = Buffer.alloc(0);
  while (filled < size) {
    const part = bytesOf(parts[next++] ?? "");
    const taken = Math.min(part.length, size - filled);
    part.copy(header, filled, 0, taken);
    filled += taken;
    rest = part.subarray(taken);
  }
  return [header, ...(rest.length > 0 ? [rest] : []), ...parts.slice(next)];
}

function readLength(from: Buffer, at: number, bytes: number, littleEndian: boolean): number {
  if (bytes <= 4) return littleEndian ? from.readUIntLE(at, bytes) : from.readUIntBE(at, bytes);
  const first = littleEndian ? from.readUInt32LE(at) : from.readUInt32BE(at);
  const second = littleEndian ? from.readUInt32LE(at + 4) : from.readUInt32BE(at + 4);
  return littleEndian ? second * 2 ** 32 + first : first * 2 ** 32 + second;
}

function writeLength(into: Buffer, length: number, at: number, bytes: number, littleEndian: boolean): void {
  if (bytes <= 4) {
    if (littleEndian) into.writeUIntLE(length, at, bytes);
    else into.writeUIntBE(length, at, bytes);
  } else if (littleEndian) into.writeBigUInt64LE(BigInt(length), at);
  else into.writeBigUInt64BE(BigInt(length), at);
}
