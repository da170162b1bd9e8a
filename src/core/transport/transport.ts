import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { Payload } from "../bytes/payload.js";
import type { Ring } from "../bytes/reused-memory.js";
import type { Outcome, Taken } from "./outcome.js";

/** Where a transport puts the bytes that arrive. */
export interface Sink {
  /**
   * Takes the first `size` bytes of `memory`: `lent` memory is written over after this call, other memory is given away.
   * Returns whether more bytes may arrive.
   */
  arrive(memory: Buffer, size: number, lent: boolean): boolean;
  /** Whether the reader copies what arrives, so that memory to be given away would be allocated in vain. */
  readonly copies: boolean;
  /** The connection's own memory to read into, or `null` for memory that is given away. */
  readonly ring: Ring | null;
}

/** What a transport reports besides bytes. */
export interface TransportEvents {
  /** The peer has ended its side: no bytes follow. */
  peerEnded(): void;
  /** The stream has failed. */
  failed(cause: unknown): void;
  /** Another user of the stream has ended the output. */
  outputEnded(): void;
  /** The stream is closed: no event follows. */
  streamClosed(): void;
  /** The program has called `ref()` or `unref()` on the stream. */
  refer(isReferred: boolean): void;
  /** The program has begun to read the stream itself. Returns the unread bytes, and whether the end follows them. */
  handOverToStream(): { readonly unread: readonly Buffer[]; readonly ended: boolean };
}

/** What can be set of a socket, and of some other streams. */
export interface Settable {
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean, delay: number): void;
  ref?(): void;
  unref?(): void;
}

/** What the new owner of a stream finds in it. */
export interface HandOver {
  /** Bytes that have arrived and were not read. */
  readonly unread: readonly Buffer[];
  /** Whether the peer's end has arrived behind them. */
  readonly ended: boolean;
  /** What was written and not sent. */
  readonly unsent: readonly Payload[];
  /** Whether our own end follows it. */
  readonly ending: boolean;
  /**
   * Whether the stream stays open when its new owner reads the peer's end. `undefined`: a stream that was adopted is as it
   * was, and any other ends itself.
   */
  readonly allowHalfOpen: boolean | undefined;
}

/** A stream of bytes in both directions, below any policy. Calls after {@link Transport.destroy} do nothing, and nothing calls back. */
export interface Transport {
  /** What it is over: a socket, or any stream that was adopted; `null` if there is no such thing. */
  readonly stream: Duplex | null;
  /** The descriptor of its socket, if that is open and has one. */
  readonly descriptor: number | undefined;
  /** Whether it is not connected yet; until it is, it must be given nothing. */
  readonly connecting: boolean;
  readonly destroyed: boolean;
  /** The stream's users have been told that it ended, before it was adopted: nothing can be put back into it. */
  readonly spent: boolean;
  /**
   * Whether the stream keeps the process alive for as long as it is open, as sockets do; over any other, only a call that
   * waits does.
   */
  readonly holdsProcess: boolean;
  /** Whether its maker lets the process end while it is open. */
  readonly unreferred: boolean;
  /** Whether what can be taken at once is taken before `send` returns, or only before the event loop turns. */
  readonly callsBackAtOnce: boolean;
  /** Calls `act` when it has connected, if it ever does. The function that is returned takes that back. */
  whenConnected(act: () => void): () => void;
  /** TCP_NODELAY, where there is such a thing. */
  setNoDelay(on: boolean): void;
  /** SO_KEEPALIVE, where there is such a thing; `delay` in ms, 0 for the system's own. */
  setKeepAlive(on: boolean, delay: number): void;
  /** Has what is beneath keep the process alive, if it can. */
  ref(): void;
  unref(): void;
  /** Connects the transport with its connection; reading starts with {@link Transport.startReading}. */
  attach(sink: Sink, events: TransportEvents): void;
  startReading(): void;
  /** Leaves what arrives from now on where it is. */
  stopReading(): void;
  /**
   * Throws away what arrives and does not go to the sink. Once both our sides are closed, the peer's end would never be
   * seen behind bytes that the program, reading the stream itself, has left there.
   */
  discardInput(): void;
  /** Sends a payload that is not empty; the one before must have been taken. `taken` is called if that is `"pending"`. */
  send(payload: Payload, taken: Taken): Outcome;
  /** Of the payload being sent, the bytes that the kernel has not taken yet; `Infinity` if that cannot be known. */
  readonly unsent: number;
  /** Whether the kernel has taken all that the stream was given, also by others. */
  readonly drained: boolean;
  /** Bytes that the kernel has taken so far. */
  readonly bytesTaken: number;
  /** Of the payload that was being sent and has failed, so many bytes were not taken, as far as is known. */
  refused(size: number): void;
  /** Sends FIN; everything must have been taken. `done` is called if that is `"pending"`. */
  end(done: Taken): Outcome;
  /** Closes the stream, with FIN unless bytes are unread. */
  destroy(): void;
  /** Closes the stream with RST, where there is such a thing. */
  reset(): void;
  /** Hands over to a new owner, as a stream; reports nothing more. What is being sent goes on. */
  release(left: HandOver): Duplex;
}
