import { isUtf8, type Buffer } from "node:buffer";
import { wrongType } from "../../options/checks.js";
import type { Codec } from "../codec.js";
import { invalidMessage } from "./invalid-message.js";

const LF = 0x0a;

/** What JSON takes for white space, within a line: space, tab and CR. */
const BLANKS: ReadonlySet<number | undefined> = new Set([0x20, 0x09, 0x0d]);

/**
 * JSON values, one a line, in UTF-8: JSON lines, also known as NDJSON.
 *
 * A line ends with `\n`, and may have a `\r` before it. Lines without anything but white space are skipped: some servers send
 * them to keep a connection alive. A byte order mark at the beginning of a line is ignored. A last line without `\n` is
 * incomplete. The types are what the program expects: that the peer keeps to them is not checked.
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
  return { decode: decoded<Incoming>, encode: encoded };
}

function decoded<T>(received: Buffer): ReturnType<Codec<T>["decode"]> {
  for (let start = 0; ;) {
    const end = received.indexOf(LF, start);
    if (end === -1) return undefined;
    if (!isBlank(received, start, end)) return { message: parsed(received, start, end) as T, size: end + 1 };
    start = end + 1;
  }
}

function isBlank(received: Buffer, start: number, end: number): boolean {
  while (start < end && BLANKS.has(received[start])) start++;
  return start === end;
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
  let text: string | undefined;
  try {
    text = JSON.stringify(message);
  } catch (error) {
    if (!(error instanceof TypeError && NOT_EXPRESSIBLE.test(error.message))) throw error;
  }
  if (text === undefined) throw wrongType("message", "a value that JSON can express", message);
  return `${text}\n`;
}
