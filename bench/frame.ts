/** Bytes of a message, as a request or an event of many protocols has them. */
export const MESSAGE_BYTES = 60;

/** Bytes of the message and the length before it. */
export const FRAME_BYTES = 4 + MESSAGE_BYTES;

/** A message with its length before it. */
export function frame(): Buffer {
  const bytes = Buffer.alloc(FRAME_BYTES, "tcp6");
  bytes.writeUInt32BE(MESSAGE_BYTES);
  return bytes;
}
