import { Buffer, constants } from "node:buffer";
import { totalmem } from "node:os";

/** V8 keeps so many bytes of a typed array in its heap: that costs a fifth of an ArrayBuffer. */
const MAX_HEAP_BYTES = 64;

// eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with the memory for its `this`
const { slice } = Uint8Array.prototype;

/**
 * A copy of the bytes from `start` to `end`, in memory that nothing else is in. Whoever gets it may keep or transfer it.
 * Node's pool would not do: a few bytes of it keep 8 KiB, are copied to a worker with all that others have in it, and
 * cannot be transferred.
 */
export function copyOf(memory: Buffer, start: number, end: number): Buffer {
  if (end - start <= MAX_HEAP_BYTES) return slice.call(memory, start, end) as Buffer;
  const copy = Buffer.allocUnsafeSlow(end - start);
  memory.copy(copy, 0, start, end);
  return copy;
}

/** The first `size` bytes of memory that is given away with them: a copy only if they would keep far more memory than they are. */
export function cutOf(memory: Buffer, size: number): Buffer {
  if (2 * size < memory.buffer.byteLength) return copyOf(memory, 0, size);
  return size === memory.length ? memory : memory.subarray(0, size);
}

/** What some releases of Node allow one buffer at most. On others that is far more than any machine has. */
const SMALLEST_LIMIT_BYTES = 2 ** 32;

/** Most bytes that one buffer can have here, asked for so many. */
export function maxBufferBytes(size: number): number {
  return size <= SMALLEST_LIMIT_BYTES ? constants.MAX_LENGTH : Math.min(constants.MAX_LENGTH, totalmem());
}

/** The first `size` bytes of memory that is only `lent`, or given: the taker's own. */
export function ownBytes(memory: Buffer, size: number, lent: boolean): Buffer {
  return lent ? copyOf(memory, 0, size) : cutOf(memory, size);
}
