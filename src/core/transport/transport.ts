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
  /** Whether bytes are wanted before a read waits for them. */
  readonly readsAhead: boolean;
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

/** The settings that a socket has, and some other streams have. */
export interface Settable {
  setNoDelay?(on: boolean): void;
  setKeepAlive?(on: boolean, delay: number, interval?: number, count?: number): void;
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
  /** Whether our own end follows `unsent`. */
  readonly ending: boolean;
  /**
   * Whether our side of the stream stays open when its new owner reads the peer's end. `undefined`: as it was before for a
   * stream that was adopted; any other stream ends our side.
   */
  readonly allowHalfOpen: boolean | undefined;
}

/**
 * Takes the stream out of a transport that has just connected or was taken over, for a handshake over it. Nothing has been
 * read from it.
 */
export function rawStreamOf(transport: Transport): Duplex {
  return transport.release({ unread: [], ended: false, unsent: [], ending: false, allowHalfOpen: true });
}

/**
 * Carries bytes in both directions, and knows no policy: no timeouts, no queue. After {@link Transport.destroy} all calls do
 * nothing, no callback is called, and the only event is {@link TransportEvents.streamClosed}.
 */
export interface Transport {
  /** The stream beneath: a socket, or any stream that was adopted; `null` if there is none. */
  readonly stream: Duplex | null;
  /** The descriptor of the socket beneath, while that is open and has one. */
  readonly descriptor: number | undefined;
  /** Whether it is not connected yet: until then nothing may be sent. */
  readonly connecting: boolean;
  readonly destroyed: boolean;
  /** Whether users of the stream have already been told of its end, so that nothing can be put back into it. */
  readonly spent: boolean;
  /**
   * Whether an open connection keeps the process alive, as sockets do. If not, only a call that waits keeps it alive.
   */
  readonly holdsProcess: boolean;
  /** Whether the program had called `unref()` before the connection was made. */
  readonly unreferred: boolean;
  /** Whether `send` itself reports bytes that are taken at once. If not, they are reported before the event loop turns. */
  readonly callsBackAtOnce: boolean;
  /** Calls `act` once it has connected. Returns a function that cancels this. */
  whenConnected(act: () => void): () => void;
  /** Sets TCP_NODELAY, where the stream beneath knows it. */
  setNoDelay(on: boolean): void;
  /**
   * Sets SO_KEEPALIVE, where the stream beneath knows it. `delay` and `interval` are in ms; with a `delay` of 0 the system's
   * own values stay.
   */
  setKeepAlive(on: boolean, delay: number, interval?: number, count?: number): void;
  /** Calls `ref()` of the stream beneath, where it has one. */
  ref(): void;
  /** Calls `unref()` of the stream beneath, where it has one. */
  unref(): void;
  /**
   * Connects the transport with its connection. Nothing is read before {@link Transport.startReading}, except what an adopted
   * stream had read already. If the sink does not read ahead, a stream that has been reading stops.
   */
  attach(sink: Sink, events: TransportEvents): void;
  startReading(): void;
  /** Leaves the bytes that arrive from now on in the kernel, or in the stream. */
  stopReading(): void;
  /**
   * Throws away what arrives and does not go to the sink. Once both our sides are closed, the peer's end would never be
   * seen behind bytes that the program, reading the stream itself, has left there.
   */
  discardInput(): void;
  /** Sends a payload that is not empty; the one before must have been taken. `taken` is called if that is `"pending"`. */
  send(payload: Payload, taken: Taken): Outcome;
  /** Bytes of the payload in its turn that the kernel has not taken yet; `Infinity` if that cannot be known. */
  readonly unsent: number;
  /** Whether the kernel has taken all that was written to the stream, also by the program itself. */
  readonly drained: boolean;
  /** Bytes that the kernel has taken so far. */
  readonly bytesTaken: number;
  /**
   * Corrects {@link Transport.bytesTaken}: of a payload that has failed, `size` bytes were not taken; or as many do not count
   * that were written to the stream itself.
   */
  refused(size: number): void;
  /** Sends FIN; everything must have been taken. `done` is called if that is `"pending"`. */
  end(done: Taken): Outcome;
  /** Closes the stream, with FIN unless bytes are unread. */
  destroy(): void;
  /** Closes the stream, with RST if it is a stream that has resets. */
  reset(): void;
  /**
   * Hands the bytes over to a new owner as a stream of Node's, and reports nothing more. The payload in its turn is still
   * sent.
   */
  release(left: HandOver): Duplex;
}
