import { Buffer } from "node:buffer";
import { wrongType } from "../arguments.js";

/** What can be written: text, sent as UTF-8, or the bytes of a view. */
export type Data = string | ArrayBufferView;

/** What is sent in one go: a list is gathered by the kernel. Its parts are not empty. */
export type Payload = string | Uint8Array | readonly (string | Uint8Array)[];

/** Most bytes that a unit of a string comes to in UTF-8. */
export const MOST_BYTES = 3;

/** What a caller wants written, checked, without its empty parts. */
export function payloadOf(data: unknown): Payload {
  if (typeof data === "string" || data instanceof Uint8Array) return data;
  if (!Array.isArray(data)) return partOf(data, "data");
  const parts = data.map((part) => partOf(part, "data[]")).filter((part) => part.length > 0);
  return parts.length === 1 ? (parts[0] ?? "") : parts;
}

/** How many bytes it has. */
export function sizeOf(payload: Payload): number {
  if (typeof payload === "string") return Buffer.byteLength(payload);
  if (payload instanceof Uint8Array) return payload.length;
  return payload.reduce((size, part) => size + sizeOf(part), 0);
}

/** About how many bytes it has: of text, its characters. */
export function lengthOf(payload: Payload): number {
  if (typeof payload === "string" || payload instanceof Uint8Array) return payload.length;
  return payload.reduce((length, part) => length + part.length, 0);
}

/** Whether it has fewer than `size` bytes: most text is told by its length. */
export function isBelow(payload: Payload, size: number): boolean {
  return (typeof payload === "string" && MOST_BYTES * payload.length < size) || sizeOf(payload) < size;
}

function partOf(part: unknown, name: string): string | Uint8Array {
  if (typeof part === "string" || part instanceof Uint8Array) return part;
  if (!ArrayBuffer.isView(part))
    throw wrongType(name, "a string or an ArrayBufferView, or an array of them", part);
  return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
}
