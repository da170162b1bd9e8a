import { Buffer, isUtf8 } from "node:buffer";
import { wrongType } from "../../options/checks.js";
import type { ByteQueue } from "../../core/bytes/byte-queue.js";
import { isBelow, sizeOf, type Payload } from "../../core/bytes/payload.js";
import { END, type Taker } from "../../core/reading/messages.js";
import { overLimit, unexpectedEnd, WAIT, type Refusal } from "../../core/reading/reads.js";
import { Search } from "../../core/reading/search.js";
import type { Codec } from "../codec.js";
import { withDirect } from "../direct.js";
import { invalidMessage, refusalOf } from "./invalid-message.js";

const LF = 0x0a;
const LINE_FEED = Buffer.of(LF);

/** What JSON takes for white space, besides LF. */
const SPACE = 0x20;
const TAB = 0x09;
const CR = 0x0d;

/**
 * JSON values, one a line, in UTF-8: JSON lines, also known as NDJSON.
 *
 * A line ends with `\n`, and may have a `\r` before it. Lines without anything but white space are skipped: some servers send
 * them to keep a connection alive. A byte order mark at the beginning of a line is ignored. A last line without `\n` is
 * incomplete. The types are what the program expects: that the peer keeps to them is not checked.
 *
 * In a codec that a program makes of this one, as by `{ ...jsonLines(), decode }`, blank lines belong to the message behind
 * them: they count for its `limit`, and at the end of the stream, with no message behind them, are `ERR_UNEXPECTED_EOF`.
 *
 * A line `null` is the message `null`, which a loop yields; `receive` resolves to `null` at the end of the stream as well.
 *
 * - `decode` throws an error with the code `ERR_INVALID_MESSAGE` for a line that is not JSON, is not UTF-8, or is longer than a
 *   string can be. `connection.readLine()` reads such a line past.
 * - `encode` throws a `TypeError` for what JSON cannot express: `undefined`, functions, symbols, bigints, and objects that refer
 *   to themselves. What a `toJSON` or a getter throws is thrown on. Nothing is sent then. Otherwise it does as `JSON.stringify`
 *   does: fields that are `undefined` are left out, and `NaN` becomes `null`.
 *
 * @example
 * interface Message { from: string; text: string }
 * const messages = framed(connection, jsonLines<Message>());
 * await messages.send({ from: "Ada", text: "hello" });
 * for await (const { from, text } of messages) console.log(from, text);
 */
export function jsonLines<Incoming = unknown, Outgoing = Incoming>(): Codec<Incoming, Outgoing> {
  return withDirect<Incoming, Outgoing>(
    { decode: decoded<Incoming>, encode: encoded },
    { takerFor: (limit) => new JsonTaker<Incoming>(limit), payloadFor },
  );
}

/** Takes values, one a line. Blank lines are dropped as they come: they belong to no message, and so to no limit. */
class JsonTaker<T> implements Taker<T> {
  readonly #search: Search;

  /** `limit`: most bytes of a line, its `\n` not counted. */
  constructor(limit: number) {
    this.#search = new Search(LINE_FEED, limit);
  }

  take(queue: ByteQueue, ended: boolean): T | typeof END | typeof WAIT | Refusal {
    const { limit } = this.#search;
    for (;;) {
      const end = this.#search.in(queue);
      if (end > limit || (end === -1 && queue.length > limit)) return overLimit(limit);
      if (end === -1) {
        if (!ended) return WAIT;
        const { length } = queue;
        return length === 0 ? END : unexpectedEnd(`after ${String(length)} bytes of an unfinished line`);
      }
      const line = frontOf(queue, end + 1);
      const blank = blankLinesOf(line);
      if (blank > 0) {
        queue.skip(blank);
        continue;
      }
      try {
        const message = parsed(line, 0, end) as T;
        queue.skip(end + 1);
        return message;
      } catch (error) {
        return refusalOf(error as Error);
      }
    }
  }
}

/** The first `size` bytes of a queue in one piece, and perhaps more: copied only if they are in several. They stay in the queue. */
function frontOf(queue: ByteQueue, size: number): Buffer {
  const run = queue.peekRun();
  return run.length >= size ? run : queue.peek(size);
}

function decoded<T>(received: Buffer): ReturnType<Codec<T>["decode"]> {
  const start = blankLinesOf(received);
  const end = received.indexOf(LF, start);
  return end === -1 ? undefined : { message: parsed(received, start, end) as T, size: end + 1 };
}

/**
 * How many of these bytes are the blank lines before the first line that is not. They are looked for all at once: no message
 * comes of them, so a peer that sends nothing else draws on no budget of the event loop's turn.
 */
function blankLinesOf(received: Buffer): number {
  let size = 0;
  for (let at = 0; at < received.length; at++) {
    const byte = received[at];
    if (byte === LF) size = at + 1;
    else if (byte !== SPACE && byte !== TAB && byte !== CR) break;
  }
  return size;
}

/**
 * The value of a line. What the engine says of a line that is not JSON is not kept, since it shows what is in the line.
 *
 * @throws Error `ERR_INVALID_MESSAGE`
 */
function parsed(received: Buffer, start: number, end: number): unknown {
  const text = textOf(received, start, end);
  try {
    return JSON.parse(text.startsWith("\ufeff") ? text.slice(1) : text);
  } catch {
    throw invalidMessage(`a line of ${String(end - start)} bytes is not JSON`);
  }
}

function textOf(received: Buffer, start: number, end: number): string {
  let text: string;
  try {
    text = received.toString("utf8", start, end);
  } catch {
    throw invalidMessage(`a line of ${String(end - start)} bytes is longer than a string can be`);
  }
  // In place of bytes that are not UTF-8 there is U+FFFD, which may also have been sent as it is.
  if (text.includes("\ufffd") && !isUtf8(received.subarray(start, end)))
    throw invalidMessage(`a line of ${String(end - start)} bytes is not UTF-8`);
  return text;
}

/** What engines say of bigints and of objects that refer to themselves. It also names properties of the object. */
const NOT_EXPRESSIBLE = /\b(?:bigint|circular|cyclic)\b/i;

function encoded(message: unknown): string {
  return `${textFor(message)}\n`;
}

function payloadFor(message: unknown, limit: number): Payload | Refusal {
  const text = textFor(message);
  return isBelow(text, limit + 1) ? `${text}\n` : overLimit(limit, sizeOf(text));
}

function textFor(message: unknown): string {
  let expected = "a value that JSON can express";
  try {
    const text = JSON.stringify(message) as string | undefined;
    if (text !== undefined) return text;
  } catch (error) {
    if (!(error instanceof TypeError && NOT_EXPRESSIBLE.test(error.message))) throw error;
    expected += ": no bigint is in it, and no object that contains itself";
  }
  throw wrongType("message", expected, message);
}
