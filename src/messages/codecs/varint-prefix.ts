import { Buffer } from "node:buffer";
import type { ByteQueue } from "../../core/bytes/byte-queue.js";
import type { NonSharedBuffer } from "../../core/bytes/non-shared.js";
import { copyOf, maxBufferBytes } from "../../core/bytes/own-memory.js";
import { partsOf, payloadOf, sizeOf, type Data, type Payload } from "../../core/bytes/payload.js";
import { END, type Taker } from "../../core/reading/messages.js";
import { overLimit, unexpectedEnd, WAIT, type Refusal } from "../../core/reading/reads.js";
import type { Codec } from "../codec.js";
import { withDirect } from "../direct.js";
import { invalidMessage, refusalOf } from "./invalid-message.js";

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
  return withDirect<NonSharedBuffer, Data | readonly Data[]>(
    { decode: decoded, encode: encoded },
    { takerFor: (limit) => new VarintTaker(limit), payloadFor },
  );
}

/** Takes messages, each without its length. No memory is taken for a message that is longer than the limit. */
class VarintTaker implements Taker<NonSharedBuffer> {
  readonly #limit: number;

  /** `limit`: most bytes of a message, its length not counted. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  take(queue: ByteQueue, ended: boolean): NonSharedBuffer | typeof END | typeof WAIT | Refusal {
    const available = queue.length;
    let length = 0;
    let weight = 1;
    for (let at = 0; at < available; at++) {
      const byte = queue.at(at) ?? 0;
      if (isTooLong(at, byte)) return refusalOf(endless());
      length += (byte & 0x7f) * weight;
      weight *= 128;
      if (byte >= 0x80) continue;
      const most = Math.min(this.#limit, maxBufferBytes(length));
      if (length > most) return overLimit(most, length);
      if (available < at + 1 + length) break;
      return queue.take(length, at + 1);
    }
    if (!ended) return WAIT;
    return available === 0 ? END : unexpectedEnd(`after ${String(available)} bytes of an unfinished message`);
  }
}

function decoded(received: Buffer): ReturnType<Codec<NonSharedBuffer>["decode"]> {
  let length = 0;
  let weight = 1;
  for (let at = 0; ; at++) {
    const byte = received[at];
    if (byte === undefined) return at + 1;
    if (isTooLong(at, byte)) throw endless();
    length += (byte & 0x7f) * weight;
    weight *= 128;
    if (byte >= 0x80) continue;
    const size = at + 1 + length;
    return received.length < size ? size : { message: copyOf(received, at + 1, size), size };
  }
}

/** Whether a varint with this byte at this place has more than 64 bits. */
function isTooLong(at: number, byte: number): boolean {
  return at === MAX_VARINT_BYTES - 1 && byte > MAX_LAST_BYTE;
}

function endless(): Error {
  return invalidMessage(`a varint that does not end within ${String(MAX_VARINT_BYTES)} bytes and 64 bits`);
}

function encoded(message: Data | readonly Data[]): readonly (string | Uint8Array)[] {
  const payload = payloadOf(message);
  return [varintOf(sizeOf(payload)), ...partsOf(payload)];
}

function payloadFor(message: Data | readonly Data[], limit: number): Payload | Refusal {
  const payload = payloadOf(message);
  const size = sizeOf(payload);
  return size > limit ? overLimit(limit, size) : [varintOf(size), ...partsOf(payload)];
}

function varintOf(length: number): Buffer {
  const bytes: number[] = [];
  while (length >= 0x80) {
    bytes.push((length % 0x80) | 0x80);
    length = Math.floor(length / 0x80);
  }
  return Buffer.from([...bytes, length]);
}
