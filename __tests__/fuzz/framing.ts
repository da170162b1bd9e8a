/** Messages as the library frames them, and as codecs of the program's own do. */
import {
  framed,
  lengthPrefixed,
  type Codec,
  type Connection,
  type Data,
  type Messages,
} from "../../src/index.js";
import { endingWith } from "../../src/testing/contract/own-codec.js";
import { bigEndian } from "../../src/testing/contract/payloads.js";
import type { CallOf, Framing } from "./scenario.js";

type Bytes = CallOf<"receive">["bytes"];

export const MESSAGE_END = Buffer.from("\n");

export function framesOf(connection: Connection, framing: Framing, bytes: Bytes): Messages<Buffer, Data> {
  switch (framing) {
    case "library":
      return lengthPrefixed(connection, { bytes });
    case "measured":
      return framed(connection, measuredIn(bytes));
    case "ended":
      return framed(connection, endingWith(MESSAGE_END.toString()));
  }
}

/** A message as it is sent. */
export function inFrame(framing: Framing, bytes: Bytes, payload: Buffer): Buffer {
  return Buffer.concat(
    framing === "ended" ? [payload, MESSAGE_END] : [bigEndian(payload.length, bytes), payload],
  );
}

/** A codec of the program's own, with which messages have their length before them. It writes over what it has been lent. */
function measuredIn(bytes: Bytes): Codec<Buffer, Data> {
  return {
    decode(lent) {
      if (lent.length < bytes) return bytes;
      const size = bytes + lent.readUIntBE(0, bytes);
      if (lent.length < size) return size;
      lent.fill(0x21, 0, bytes);
      return { message: lent.subarray(bytes, size), size };
    },
    encode(message) {
      const payload = message as Buffer;
      return [bigEndian(payload.length, bytes), payload];
    },
  };
}
