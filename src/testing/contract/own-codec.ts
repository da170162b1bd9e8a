import { Buffer } from "node:buffer";
import type { Codec, Data } from "../../index.js";

/** A codec as a program writes one: messages that end with a byte. They are views of the bytes that `decode` is given. */
export function endingWith(end: string): Codec<Buffer, Data> {
  return {
    decode(bytes) {
      const at = bytes.indexOf(end);
      return at === -1 ? undefined : { message: bytes.subarray(0, at), size: at + 1 };
    },
    encode: (message) => [message, end],
  };
}

/** The same, of messages with their length in four bytes before them, which says how many bytes a message needs. */
export const measured: Codec<Buffer, Data> = {
  decode(bytes) {
    if (bytes.length < 4) return 4;
    const size = 4 + bytes.readUInt32BE();
    return bytes.length < size ? size : { message: bytes.subarray(4, size), size };
  },
  encode(message) {
    const payload = typeof message === "string" ? Buffer.from(message) : (message as Buffer);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(payload.length);
    return [length, payload];
  },
};
