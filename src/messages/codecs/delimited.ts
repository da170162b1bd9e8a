import { Buffer } from "node:buffer";
import { isUint8Array } from "node:util/types";
import { wrongType, wrongValue } from "../../options/checks.js";
import type { NonSharedBuffer } from "../../core/bytes/non-shared.js";
import { copyOf } from "../../core/bytes/own-memory.js";
import { joinedBytes, payloadOf, type Data } from "../../core/bytes/payload.js";
import type { Codec } from "../codec.js";

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
export function delimited(delimiter: string | Uint8Array): Codec<NonSharedBuffer, Data | readonly Data[]> {
  if (typeof delimiter !== "string" && !isUint8Array(delimiter))
    throw wrongType("delimiter", "a string or a Uint8Array", delimiter);
  if (delimiter.length === 0) throw wrongValue("delimiter", "at least one byte", delimiter);
  // A copy, also of bytes: the caller may do with those as it likes.
  const end = Buffer.from(delimiter as string);
  return { decode: (received) => decoded(received, end), encode: (message) => encoded(message, end) };
}

function decoded(received: Buffer, end: Buffer): ReturnType<Codec<NonSharedBuffer>["decode"]> {
  const at = received.indexOf(end);
  return at === -1 ? undefined : { message: copyOf(received, 0, at), size: at + end.length };
}

function encoded(message: Data | readonly Data[], end: Buffer): readonly Buffer[] {
  const bytes = joinedBytes(payloadOf(message));
  if (firstIn(bytes, end) < bytes.length)
    throw wrongValue("message", "data in which the delimiter does not begin", message);
  // A copy: it would be the caller's to write over.
  return [bytes, Buffer.from(end)];
}

/** Where the delimiter first begins when it is put after these bytes. It may begin in their last ones: `"\r\r"` in `"a\r"`. */
function firstIn(bytes: Buffer, end: Buffer): number {
  const within = bytes.indexOf(end);
  if (within !== -1) return within;
  const tail = bytes.subarray(Math.max(0, bytes.length - end.length + 1));
  return bytes.length - tail.length + Buffer.concat([tail, end]).indexOf(end);
}
