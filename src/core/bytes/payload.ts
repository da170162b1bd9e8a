import { Buffer } from "node:buffer";
import type { Writable } from "node:stream";
import { wrongType, wrongValue } from "../../options/checks.js";
import { givenBytes, lengthOf } from "./given-bytes.js";
import { isBytes } from "./is-bytes.js";

/** What can be written: text, sent as UTF-8 by default, the bytes of a view, or all those of an ArrayBuffer. */
export type Data = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** What is sent at once. The kernel gathers the parts of a list; no part is empty. */
export type Payload = string | Uint8Array | readonly (string | Uint8Array)[];

/** Most bytes of UTF-8 for one UTF-16 code unit of a string. */
export const MAX_UTF8_BYTES_PER_CODE_UNIT = 3;

const BEYOND_LATIN1 = /[^\0-\xff]/;

/**
 * What a caller wants written, without its empty parts. Errors call it `name`, and a part of it `nameOfPart`.
 *
 * @throws TypeError for anything but text, views and ArrayBuffers, and for memory that is gone
 */
export function payloadOf(data: unknown, name = "data", nameOfPart = "data[]"): Payload {
  if (!Array.isArray(data)) return partOf(data, name);
  const parts = [];
  // By index: the methods of arrays skip holes.
  for (let at = 0; at < data.length; at++) {
    const part = partOf(data[at], nameOfPart);
    if (part.length > 0) parts.push(part);
  }
  return parts.length === 1 ? (parts[0] ?? "") : parts;
}

/** The texts and views that a payload consists of. */
export function partsOf(payload: Payload): readonly (string | Uint8Array)[] {
  return isList(payload) ? payload : [payload];
}

export function isList(payload: Payload): payload is readonly (string | Uint8Array)[] {
  return typeof payload !== "string" && !isBytes(payload);
}

/** Writes a payload to a stream that was handed over. Views are copied: their callers were rejected, and may use them again. */
export function writeTo(stream: Writable, payload: Payload): void {
  for (const part of partsOf(payload)) stream.write(typeof part === "string" ? part : Buffer.from(part));
}

/** The bytes of a chunk: a view's own memory, or its text encoded. */
export function bytesOf(chunk: string | Uint8Array, encoding: BufferEncoding | null = "utf8"): Buffer {
  if (typeof chunk === "string") return Buffer.from(chunk, encoding ?? "utf8");
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
}

/** A payload with its texts as bytes; views are not copied. */
export function withTextEncoded(payload: Payload): Payload {
  return isList(payload) ? payload.map((part) => bytesOf(part)) : bytesOf(payload);
}

/**
 * A payload with its texts as bytes, one for each character; views are not copied. Errors call a text `name`.
 *
 * @throws TypeError for a text with a character above U+00FF
 */
export function inLatin1(payload: Payload, name: string): Payload {
  if (isList(payload)) return payload.map((part) => inLatin1Part(part, `${name}[]`));
  return inLatin1Part(payload, name);
}

/** The bytes of a payload in one piece of memory; those of a single view are not copied. */
export function joinedBytes(payload: Payload): Buffer {
  return isList(payload) ? Buffer.concat(payload.map((part) => bytesOf(part))) : bytesOf(payload);
}

/** How many bytes a payload has. */
export function sizeOf(payload: Payload): number {
  if (typeof payload === "string") return Buffer.byteLength(payload);
  if (isBytes(payload)) return lengthOf(payload);
  return payload.reduce((size, part) => size + sizeOf(part), 0);
}

/** About how many bytes a payload has: text counts one for each code unit. */
export function estimatedSizeOf(payload: Payload): number {
  if (typeof payload === "string" || isBytes(payload)) return payload.length;
  return payload.reduce((length, part) => length + part.length, 0);
}

/** Whether a payload still has the `size` bytes that it had: the memory of views can be transferred and resized. */
export function isWhole(payload: Payload, size: number): boolean {
  return typeof payload === "string" || sizeOf(payload) === size;
}

/** Whether a payload has fewer than `size` bytes; the length of most text tells that without counting. */
export function isBelow(payload: Payload, size: number): boolean {
  return (
    (typeof payload === "string" && MAX_UTF8_BYTES_PER_CODE_UNIT * payload.length < size) ||
    sizeOf(payload) < size
  );
}

function inLatin1Part(part: string | Uint8Array, name: string): Uint8Array {
  if (typeof part === "string" && BEYOND_LATIN1.test(part))
    throw wrongValue(name, "text with no character above U+00FF, which latin1 does not have", part);
  return bytesOf(part, "latin1");
}

function partOf(part: unknown, name: string): string | Uint8Array {
  if (typeof part === "string") return part;
  const bytes = givenBytes(part, name);
  if (bytes === undefined)
    throw wrongType(name, "a string, a view or an ArrayBuffer, or an array of them", part);
  return bytes;
}
