/** Large payloads in pieces of a bounded size. */
import { lengthOf, memoryChanged } from "./given-bytes.js";
import { isBytes } from "./is-bytes.js";
import { MAX_UTF8_BYTES_PER_CODE_UNIT, partsOf, type Payload } from "./payload.js";

/** Whether a payload has at most `maxBytes` bytes; text counts as the most that it can come to. */
export function fitsInto(maxBytes: number, payload: Payload): boolean {
  if (typeof payload === "string" || isBytes(payload)) return mostOf(payload) <= maxBytes;
  let size = 0;
  for (const part of payload) size += mostOf(part);
  return size <= maxBytes;
}

/**
 * Cuts a payload into pieces of at most `maxBytes` bytes each; text is cut between characters, and counts as the most
 * that it can come to. Views are not copied.
 *
 * @throws TypeError, when it comes to a view whose length has changed since the first piece was asked for
 */
export function* piecesOf(payload: Payload, maxBytes: number): Generator<Payload, void> {
  const parts = partsOf(payload);
  const lengths = parts.map(({ length }) => length);
  let piece: (string | Uint8Array)[] = [];
  let size = 0;
  for (const [number, part] of parts.entries()) {
    for (let from = 0; from < (lengths[number] ?? 0);) {
      if (typeof part !== "string" && lengthOf(part) !== lengths[number]) throw memoryChanged();
      const cut = cutOf(part, from, maxBytes);
      if (size + mostOf(cut) > maxBytes) {
        yield simplest(piece);
        [piece, size] = [[], 0];
        continue;
      }
      piece.push(cut);
      size += mostOf(cut);
      from += cut.length;
    }
  }
  if (piece.length > 0) yield simplest(piece);
}

/** A list of one part is sent as that part. */
function simplest(parts: readonly (string | Uint8Array)[]): Payload {
  return parts.length === 1 ? (parts[0] ?? "") : parts;
}

/** As much of a part as `maxBytes` allows, beginning at `from`. */
function cutOf(part: string | Uint8Array, from: number, maxBytes: number): string | Uint8Array {
  if (typeof part !== "string") return part.subarray(from, from + maxBytes);
  const to = from + Math.max(2, Math.floor(maxBytes / MAX_UTF8_BYTES_PER_CODE_UNIT));
  // The halves of a surrogate pair stay together: apart, each would be encoded as U+FFFD.
  const isBetween =
    (part.charCodeAt(to - 1) & 0xfc00) === 0xd800 && (part.charCodeAt(to) & 0xfc00) === 0xdc00;
  return part.slice(from, isBetween ? to - 1 : to);
}

/** The most bytes that a part can come to. */
function mostOf(part: string | Uint8Array): number {
  return typeof part === "string" ? MAX_UTF8_BYTES_PER_CODE_UNIT * part.length : part.length;
}
