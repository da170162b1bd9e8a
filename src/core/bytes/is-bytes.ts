import { Buffer } from "node:buffer";

/**
 * The `Uint8Array` that `Buffer` extends. In a vm context with classes of its own, such as that of Jest's jsdom, the global
 * is another one, of which no Buffer is an instance.
 */
const { constructor: Bytes } = Object.getPrototypeOf(Buffer.prototype) as {
  constructor: Uint8ArrayConstructor;
};

/** Whether something is bytes that Node.js takes as they are. It is quick, and true of a Proxy as well. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Bytes;
}

/** All bytes of a view or an ArrayBuffer, of whatever realm, as {@link isBytes} knows them; nothing is copied. */
export function asBytes(buffer: ArrayBufferLike, offset?: number, length?: number): Uint8Array {
  return new Bytes(buffer, offset, length);
}
