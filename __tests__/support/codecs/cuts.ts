import { Buffer } from "node:buffer";
import type { Codec, Data } from "../../../src/index.js";

/**
 * What a stream holds, as a reader gets it who is given the stream in these pieces: the messages, and how many bytes are
 * left over. It asks `decode` as `framed` does: not before the bytes are there that `decode` has named.
 */
export function messagesIn<I>(
  codec: Codec<I, never>,
  pieces: readonly Buffer[],
): { messages: I[]; left: number } {
  const messages: I[] = [];
  let bytes = Buffer.alloc(0);
  let needed = 1;
  for (const piece of pieces) {
    bytes = Buffer.concat([bytes, piece]);
    while (bytes.length >= needed) {
      const decoded = codec.decode(bytes);
      if (typeof decoded !== "object") {
        needed = decoded ?? bytes.length + 1;
        if (!(needed > bytes.length)) throw new Error(`decode wants ${String(needed)} bytes, and has them`);
        break;
      }
      const { message, size } = decoded;
      if (!(size >= 1 && size <= bytes.length)) throw new Error(`decode took ${String(size)} bytes`);
      messages.push(message);
      bytes = bytes.subarray(size);
      needed = 1;
    }
  }
  return { messages, left: bytes.length };
}

/** All ways to cut a stream in two, byte by byte, and in one piece. */
export function cutsOf(stream: Buffer): Buffer[][] {
  const inTwo = Array.from(stream, (_, at) => [stream.subarray(0, at), stream.subarray(at)]);
  const single = Array.from(stream, (_, at) => stream.subarray(at, at + 1));
  return [...inTwo, single, [stream]];
}

/** A stream in pieces that are at most as long as these numbers say, in turn. */
export function cutBy(stream: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const size = sizes[turn % sizes.length] ?? stream.length;
    pieces.push(stream.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** What goes out for a message, in one piece. */
export function sentBy<O>(codec: Codec<unknown, O>, message: O): Buffer {
  return joined(codec.encode(message));
}

/** The bytes of anything that can be written. */
export function joined(data: Data | readonly Data[]): Buffer {
  if (Array.isArray(data)) return Buffer.concat((data as readonly Data[]).map(joined));
  if (typeof data === "string") return Buffer.from(data);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.from(data as ArrayBuffer);
}

/** What `call` throws. */
export function thrownBy(call: () => unknown): Error & { code?: unknown } {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}
