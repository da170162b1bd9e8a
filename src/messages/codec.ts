import type { Buffer } from "node:buffer";
import type { OperationOptions } from "../options/operation.js";
import type { Connection } from "../connection.js";
import type { Data } from "../core/bytes/payload.js";

/** How messages become bytes, and bytes messages again. */
export interface Codec<Incoming, Outgoing = Incoming> {
  /**
   * The first message in `bytes`, which begin where the last message ended, and how many of the bytes it took. While the
   * message is not whole: how many bytes it needs at least, or `undefined` if that is not known.
   */
  decode(bytes: Buffer): { message: Incoming; size: number } | number | undefined;
  /** The bytes of a message. */
  encode(message: Outgoing): Data | readonly Data[];
}

/** Messages over a connection. Between messages the connection may be read and written directly. */
export interface Messages<Incoming, Outgoing = Incoming> extends AsyncIterable<Incoming> {
  readonly connection: Connection;
  /** Resolves to the next message, or to `null` at the end of the stream. */
  receive(options?: OperationOptions): Promise<Incoming | null>;
  /** Resolves when the kernel has taken the message. */
  send(message: Outgoing, options?: OperationOptions): Promise<void>;
}
