import type { Socket } from "node:net";
import type { Payload } from "./payload.js";

/** Called once the kernel has taken everything, perhaps before `send` returns, or with the reason why it will not. */
export type Taken = (error?: Error | null) => void;

/** Whom a transport tells what happens. */
export interface Receiver {
  /**
   * Bytes have arrived: the first `size` of `memory`, which is only `lent`, to be written over after this call, or
   * given. Answers whether more may arrive.
   */
  arrive(memory: Buffer, size: number, lent: boolean): boolean;
  /** The peer has ended its side. */
  end(): void;
  /** The connection has failed. */
  fail(cause: unknown): void;
  /** The socket is closed: nothing follows. */
  gone(): void;
  /** The program has begun to use the socket as a stream: what has arrived and is unread goes there. */
  surrender(): { readonly unread: readonly Buffer[]; readonly ended: boolean };
  /** Memory of the connection's own to read into, in turn, or `null` for memory that is given away. */
  readonly ring: readonly [Buffer, Buffer] | null;
}

/** A stream of bytes in both directions, below any policy. Calls after {@link Transport.destroy} do nothing, and nothing calls back. */
export interface Transport {
  readonly socket: Socket;
  readonly destroyed: boolean;
  /** Says who is told from now on; nothing has arrived before. Reading starts with {@link Transport.startReading}. */
  attach(receiver: Receiver): void;
  startReading(): void;
  /** Leaves what arrives from now on in the kernel. */
  stopReading(): void;
  /** Sends a payload that is not empty; the one before must have been taken. */
  send(payload: Payload, taken: Taken): void;
  /** Of the payload being sent, the bytes that the kernel has not taken yet; `Infinity` if that cannot be known. */
  readonly unsent: number;
  /** Bytes that the kernel has taken so far. */
  readonly bytesTaken: number;
  /** Sends FIN; everything must have been taken. */
  end(done: Taken): void;
  /** Closes the socket, with FIN unless bytes are unread. */
  destroy(): void;
  /** Closes the socket with RST, where there is such a thing. */
  reset(): void;
  /** Puts bytes, and the end of the stream, where a user of the socket finds them, and tells the receiver nothing more. */
  release(unread: readonly Buffer[], ended: boolean): Socket;
}
