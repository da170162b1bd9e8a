import { Buffer, constants } from "node:buffer";
import { totalmem } from "node:os";
import type { NonSharedBuffer, NonSharedUint8Array } from "./non-shared.js";

/** V8 keeps typed arrays of up to this size in its heap, at a fifth of the cost of an ArrayBuffer. */
const MAX_HEAP_BYTES = 64;

/** Up to this many bytes are copied one by one, since a call takes longer. */
const MAX_LOOP_BYTES = 24;

// eslint-disable-next-line @typescript-eslint/unbound-method -- they are called with the memory for their `this`
const { slice, set } = Uint8Array.prototype;

type Maker = new (size: number | ArrayBufferLike, offset?: number, length?: number) => NonSharedBuffer;

/** What `slice` makes a buffer with, where that is a class of its own, as in Node.js: to call it directly costs less. */
const made = (Buffer as unknown as { [Symbol.species]?: unknown })[Symbol.species];
const Small = typeof made === "function" && made !== Buffer ? (made as Maker) : null;

/**
 * A copy of the bytes from `start` to `end`, in memory of its own: the reader may keep or transfer it. Node's pool would
 * not do: a few bytes in it keep 8 KiB alive, are sent to a worker along with the other bytes of the pool, and cannot be
 * transferred.
 */
export function copyOf(memory: Buffer, start: number, end: number): NonSharedBuffer {
  if (end - start <= MAX_HEAP_BYTES) return smallCopyOf(memory, start, end);
  const copy = Buffer.allocUnsafeSlow(end - start);
  memory.copy(copy, 0, start, end);
  return copy;
}

function smallCopyOf(memory: Buffer, start: number, end: number): NonSharedBuffer {
  if (Small === null) return slice.call(memory, start, end) as NonSharedBuffer;
  const size = end - start;
  const copy = new Small(size);
  if (size <= MAX_LOOP_BYTES) for (let at = 0; at < size; at++) copy[at] = memory[start + at] ?? 0;
  else set.call(copy, new Small(memory.buffer, memory.byteOffset + start, size));
  return copy;
}

/** The bytes as a `Uint8Array`, for who asks for that; the buffer is given away. */
export function plainOf(bytes: NonSharedBuffer): NonSharedUint8Array {
  // A view of what is in V8's heap would first move it out of there.
  if (bytes.length <= MAX_HEAP_BYTES) return new Uint8Array(bytes);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The first `size` bytes of memory that is given away: copied only if they would keep more than twice their size alive. */
export function cutOf(memory: NonSharedBuffer, size: number): NonSharedBuffer {
  if (2 * size < memory.buffer.byteLength) return copyOf(memory, 0, size);
  return size === memory.length ? memory : memory.subarray(0, size);
}

/** The smallest limit that a release of Node has for one buffer. Later releases allow more than any machine has. */
const SMALLEST_LIMIT_BYTES = 2 ** 32;

/** Most bytes that one buffer can have on this machine. `size` is how many are asked for: the memory is looked at only for many. */
export function maxBufferBytes(size: number): number {
  return size <= SMALLEST_LIMIT_BYTES ? constants.MAX_LENGTH : Math.min(constants.MAX_LENGTH, totalmem());
}

/** The first `size` bytes of memory for a reader to keep: `lent` memory is copied, memory that was given is used. */
export function ownBytes(memory: Buffer, size: number, lent: boolean): NonSharedBuffer {
  return lent ? copyOf(memory, 0, size) : cutOf(memory as NonSharedBuffer, size);
}
