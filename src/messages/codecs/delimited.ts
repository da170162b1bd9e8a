import { Buffer } from "node:buffer";
import { wrongValue } from "../../options/checks.js";
import { delimiterOf, type Delimiter } from "../../options/delimiters.js";
import type { ByteQueue } from "../../core/bytes/byte-queue.js";
import type { NonSharedBuffer } from "../../core/bytes/non-shared.js";
import { copyOf } from "../../core/bytes/own-memory.js";
import { joinedBytes, payloadOf, type Data, type Payload } from "../../core/bytes/payload.js";
import { END, type Taker } from "../../core/reading/messages.js";
import { overLimit, takeUntil, type Refusal, type WAIT } from "../../core/reading/reads.js";
import { Search } from "../../core/reading/search.js";
import type { Codec } from "../codec.js";
import { withDirect } from "../direct.js";

/**
 * Messages that end with a delimiter, which is not part of them. A message that is received is in memory of its own. To send,
 * it may be a list of parts; it is one message, and the delimiter is sent after it.
 *
 * `encode` refuses a message that the peer would not read as it is, since the delimiter begins in it: what is within a message
 * could otherwise pass for messages of its own. It throws a `TypeError` `ERR_INVALID_ARG_VALUE` then, and `ERR_INVALID_ARG_TYPE`
 * for what is no data. Nothing is sent then. `decode` never throws: any bytes are messages, or the beginning of one.
 *
 * @param delimiter - one or more bytes; a string stands for its UTF-8
 * @throws TypeError for anything else, and for an empty delimiter
 *
 * @example
 * const messages = framed(connection, delimited("\0"));
 * await messages.send("a message");
 * for await (const message of messages) console.log(message.toString());
 */
export function delimited(delimiter: Delimiter): Codec<NonSharedBuffer, Data | readonly Data[]> {
  const end = delimiterOf(delimiter);
  return withDirect<NonSharedBuffer, Data | readonly Data[]>(
    { decode: (received) => decoded(received, end), encode: (message) => encoded(message, end) },
    {
      takerFor: (limit) => new DelimitedTaker(end, limit),
      payloadFor: (message, limit) => payloadFor(message, end, limit),
    },
  );
}

/** Takes messages with the search of `readUntil`, which goes on where it has stopped. */
class DelimitedTaker implements Taker<NonSharedBuffer> {
  readonly #search: Search;

  /** `limit`: most bytes of a message, its delimiter not counted. */
  constructor(delimiter: Buffer, limit: number) {
    this.#search = new Search(delimiter, limit);
  }

  take(queue: ByteQueue, ended: boolean): NonSharedBuffer | typeof END | typeof WAIT | Refusal {
    return takeUntil(queue, this.#search, ended) ?? END;
  }
}

function decoded(received: Buffer, end: Buffer): ReturnType<Codec<NonSharedBuffer>["decode"]> {
  const at = received.indexOf(end);
  return at === -1 ? undefined : { message: copyOf(received, 0, at), size: at + end.length };
}

function encoded(
  message: Data | readonly Data[],
  end: Buffer,
): readonly [message: Buffer, delimiter: Buffer] {
  const bytes = joinedBytes(payloadOf(message));
  if (firstIn(bytes, end) < bytes.length)
    throw wrongValue("message", "data in which the delimiter does not begin", message);
  // A copy: it would be the caller's to write over.
  return [bytes, Buffer.from(end)];
}

function payloadFor(message: Data | readonly Data[], end: Buffer, limit: number): Payload | Refusal {
  const parts = encoded(message, end);
  return parts[0].length > limit ? overLimit(limit, parts[0].length) : parts;
}

/** Where the delimiter first begins when it is put after these bytes. It may begin in their last ones: `"\r\r"` in `"a\r"`. */
function firstIn(bytes: Buffer, end: Buffer): number {
  const within = bytes.indexOf(end);
  if (within !== -1) return within;
  const tail = bytes.subarray(Math.max(0, bytes.length - end.length + 1));
  return bytes.length - tail.length + Buffer.concat([tail, end]).indexOf(end);
}
