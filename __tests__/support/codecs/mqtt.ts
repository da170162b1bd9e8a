import { Buffer } from "node:buffer";
import { varintPrefix, type Codec } from "../../../src/index.js";

/** A packet of MQTT: its first byte, and what follows its length. */
export interface Packet {
  readonly header: number;
  readonly body: Buffer;
}

/** MQTT 3.1.1, 2.2: a byte of type and flags, then how many bytes remain, as a varint of one to four bytes. */
export const mqtt: Codec<Packet> = {
  decode(bytes) {
    let remaining = 0;
    for (let at = 1; at <= 4; at++) {
      const byte = bytes[at];
      if (byte === undefined) return at + 1;
      remaining += (byte & 0x7f) << (7 * (at - 1));
      const size = at + 1 + remaining;
      if (byte >= 0x80) continue;
      if (bytes.length < size) return size;
      return { message: { header: bytes.readUInt8(), body: bytes.subarray(at + 1, size) }, size };
    }
    throw new Error("a malformed remaining length");
  },
  encode: ({ header, body }) => [Buffer.of(header), ...([varintPrefix().encode(body)].flat() as Buffer[])],
};
