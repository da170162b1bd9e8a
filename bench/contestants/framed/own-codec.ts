import type { Codec } from "../../../src/index.js";

/** As a program would write it. */
export const codec: Codec<Buffer, string> = {
  decode(bytes) {
    if (bytes.length < 4) return 4;
    const size = 4 + bytes.readUInt32BE();
    return bytes.length < size ? size : { message: bytes.subarray(4, size), size };
  },
  encode: (text) => text,
};
