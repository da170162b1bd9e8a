import { Buffer } from "node:buffer";
import type { ByteQueue } from "../bytes/byte-queue.js";
import type { NonSharedBuffer } from "../bytes/non-shared.js";
import { maxBufferBytes } from "../bytes/own-memory.js";
import { overLimit, Read, Refusal, unexpectedEnd, WAIT, type Take } from "./reads.js";

/** How frames are delimited: the length of each comes before it, as a big-endian number of `bytes` bytes. */
export interface FrameFormat {
  readonly bytes: number;
  /** Most bytes of a frame, its length not counted. */
  readonly limit: number;
}

/** The next frame, without its length. No memory is allocated for a frame that is longer than the limit. */
export const takeFrame: Take<NonSharedBuffer | null, FrameFormat> = (queue, { bytes, limit }, ended) => {
  const size = queue.length < bytes ? undefined : lengthIn(queue, bytes);
  const most = Math.min(limit, maxBufferBytes(size ?? 0));
  if (size !== undefined && size > most) return overLimit(most, size);
  if (size === undefined || queue.length < bytes + size) {
    if (!ended) return WAIT;
    if (queue.length === 0) return null;
    return unexpectedEnd(`after ${String(queue.length)} bytes of an unfinished frame`);
  }
  queue.skip(bytes);
  return queue.take(size);
};

/** As {@link takeFrame}, in the form that an iterator's `next` resolves to. */
export const takeNextFrame: Take<IteratorResult<NonSharedBuffer, undefined>, FrameFormat> = (
  queue,
  format,
  ended,
) => {
  const frame = takeFrame(queue, format, ended);
  if (frame === WAIT || frame instanceof Refusal) return frame;
  return frame === null ? { value: undefined, done: true } : { value: frame, done: false };
};

/** `receive()` of `lengthPrefixed()`. */
export const READ_FRAME = new Read(takeFrame);
/** `next()` of its loop. */
export const NEXT_FRAME = new Read(takeNextFrame);

/** The bytes that go before a frame: its length. */
export function encodedLength(size: number, bytes: number): Buffer {
  const prefix = Buffer.alloc(bytes);
  if (bytes <= 4) prefix.writeUIntBE(size, 0, bytes);
  else prefix.writeBigUInt64BE(BigInt(size));
  return prefix;
}

function lengthIn(queue: ByteQueue, bytes: number): number {
  let size = 0;
  for (let at = 0; at < bytes; at++) size = size * 256 + (queue.at(at) ?? 0);
  return size;
}
