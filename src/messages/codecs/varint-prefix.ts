import { Buffer } from "node:buffer";
import type { NonSharedBuffer } from "../../core/bytes/non-shared.js";
import { copyOf } from "../../core/bytes/own-memory.js";
import { partsOf, payloadOf, sizeOf, type Data } from "../../core/bytes/payload.js";
import type { Codec } from "../codec.js";
import { invalidMessage } from "./invalid-message.js";

/** Most bytes of a length: ten times seven bits are enough for 64. */
const MAX_VARINT_BYTES = 10;

/** The last of ten bytes has the 64th bit, and no other. */
const MAX_LAST_BYTE = 1;

/**
 * Messages with their length before them as a varint, unsigned LEB128: seven bits in each byte, the lowest first, and the
 * highest bit of a byte says that another byte follows. So protobuf delimits messages in a stream, and Minecraft its packets.
 *
 * The length may be longer than it need be, as some encoders make it; `encode` makes the shortest. It has ten bytes at most,
 * for 64 bits. A message is in memory of its own. To send, it may be a list of parts; it is one message.
 *
 * - `decode` throws an error with the code `ERR_INVALID_MESSAGE` for a length that goes on after ten bytes, or is above 64 bits.
 *   A length that is too large for a number of JavaScript's to be exact is over any limit.
 * - `encode` throws a `TypeError` for what is no data.
 *
 * @example
 * const messages = framed(connection, varintPrefix());
 * await messages.send(Person.encode({ name: "Ada" }).finish());
 * for await (const message of messages) console.log(Person.decode(message));
 */
export function varintPrefix(): Codec<NonSharedBuffer, Data | readonly Data[]> {
  return { decode: decoded, encode: encoded };
}

function decoded(received: Buffer): ReturnType<Codec<NonSharedBuffer>["decode"]> {
  let length = 0;
  let weight = 1;
  for (let at = 0; at < MAX_VARINT_BYTES; at++) {
    const byte = received[at];
    if (byte === undefined) return at + 1;
    if (at === MAX_VARINT_BYTES - 1 && byte > MAX_LAST_BYTE) break;
    length += (byte & 0x7f) * weight;
    weight *= 128;
    if (byte < 0x80) {
      const size = at + 1 + length;
      return received.length < size ? size : { message: copyOf(received, at + 1, size), size };
    }
  }
  throw invalidMessage(`a varint that does not end within ${String(MAX_VARINT_BYTES)} bytes and 64 bits`);
}

function encoded(message: Data | readonly Data[]): readonly (string | Uint8Array)[] {
  const payload = payloadOf(message);
  return [varintOf(sizeOf(payload)), ...partsOf(payload)];
}

function varintOf(length: number): Buffer {
  const bytes: number[] = [];
  while (length >= 0x80) {
    bytes.push((length % 0x80) | 0x80);
    length = Math.floor(length / 0x80);
  }
  return Buffer.from([...bytes, length]);
}
