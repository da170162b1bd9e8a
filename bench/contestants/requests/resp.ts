import type { Codec } from "../../../src/index.js";

/** What a redis server answers. */
export type Reply = string | number | null | Error | readonly Reply[];

type Found = { message: Reply; size: number } | number | undefined;

const LF = 10;

/** The protocol of redis, version 2. Bulk strings are texts, as ioredis gives them. */
export const resp: Codec<Reply, readonly string[]> = {
  decode: (bytes) => replyAt(bytes, 0),
  encode: written,
};

/** A command, as redis reads it. */
export function written(words: readonly string[]): string {
  let text = `*${words.length}\r\n`;
  for (const word of words) text += `$${Buffer.byteLength(word)}\r\n${word}\r\n`;
  return text;
}

/** The reply that begins at `from`; `size` is where it ends. */
export function replyAt(bytes: Buffer, from: number): Found {
  const feed = bytes.indexOf(LF, from + 1);
  if (feed === -1) return undefined;
  const size = feed + 1;
  switch (bytes[from]) {
    case 0x2b: // +
      return { message: bytes.toString("latin1", from + 1, feed - 1), size };
    case 0x3a: // :
      return { message: numberIn(bytes, from + 1, feed - 1), size };
    case 0x24: // $
      return bulkAt(bytes, size, numberIn(bytes, from + 1, feed - 1));
    case 0x2d: // -
      return { message: new Error(bytes.toString("utf8", from + 1, feed - 1)), size };
    case 0x2a: // *
      return listAt(bytes, size, numberIn(bytes, from + 1, feed - 1));
    default:
      throw new Error("this is no reply of redis");
  }
}

function bulkAt(bytes: Buffer, from: number, length: number): Found {
  if (length === -1) return { message: null, size: from };
  const size = from + length + 2;
  if (bytes.length < size) return size;
  return { message: bytes.toString("utf8", from, size - 2), size };
}

function listAt(bytes: Buffer, from: number, length: number): Found {
  if (length === -1) return { message: null, size: from };
  const message: Reply[] = [];
  let size = from;
  while (message.length < length) {
    const found = size < bytes.length ? replyAt(bytes, size) : undefined;
    if (typeof found !== "object") return found;
    message.push(found.message);
    size = found.size;
  }
  return { message, size };
}

/** Digits, perhaps with a sign before them. */
function numberIn(bytes: Buffer, from: number, to: number): number {
  const isNegative = bytes[from] === 0x2d;
  let number = 0;
  for (let at = isNegative ? from + 1 : from; at < to; at++) number = number * 10 + (bytes[at] ?? 0) - 0x30;
  return isNegative ? -number : number;
}
