import { isAnyArrayBuffer, isDataView } from "node:util/types";
import { wrongValue } from "../../options/checks.js";
import { asBytes, isBytes } from "./is-bytes.js";

/**
 * The bytes of a view or an ArrayBuffer of any realm, as a Uint8Array that Node.js takes as it is; `undefined` for anything else.
 *
 * `instanceof` alone would also be true of a Proxy, and of an object that only inherits from `Uint8Array.prototype`: Node
 * ends the process when it is given such an object to write.
 *
 * @throws TypeError if the memory is gone, which would look like no bytes at all
 */
export function givenBytes(value: unknown, name: string): Uint8Array | undefined {
  const isView = ArrayBuffer.isView(value);
  if (isView && isBytes(value) && lengthOf(value) > 0) return value;
  if (!isView && !isAnyArrayBuffer(value)) return undefined;
  try {
    if (!isView) return asBytes(value);
    if (value.byteLength === 0) checkMemory(value);
    if (isBytes(value)) return value;
    return asBytes(value.buffer, value.byteOffset, value.byteLength);
  } catch {
    throw wrongValue(name, "memory that has not been transferred or resized away", value);
  }
}

/**
 * How many bytes a view of the caller's has: none if its memory was transferred. Its elements are asked besides `length`:
 * where views of memory that can be resized have been seen as well, code that V8 optimized up to release 12 (Node 22) takes a
 * transferred view for as long as it was.
 */
export function lengthOf(bytes: Uint8Array): number {
  const { length } = bytes;
  return length > 0 && bytes[0] === undefined ? 0 : length;
}

/** The error for memory that was transferred or resized while it had to stay as it was. */
export function memoryChanged(): TypeError {
  const message = 'the memory of "data" was transferred or resized before it was sent';
  return Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" });
}

/** Throws if an empty view is empty because its memory was transferred, or was resized to end before the view begins. */
function checkMemory(view: ArrayBufferView): void {
  // A DataView has thrown already, when its length was read. `ArrayBuffer.prototype.detached` is missing on Node 20.
  if (!isDataView(view)) Uint8Array.prototype.lastIndexOf.call(view as Uint8Array, 0);
}
