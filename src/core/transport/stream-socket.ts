/**
 * Node's sockets, made to hand what arrives to a connection instead of to their Readable.
 *
 * A socket read with `onread` (https://nodejs.org/api/net.html#new-netsocketoptions) puts bytes into memory of ours and
 * calls us directly, past the Readable's queue and events. Where that cannot be had, the same bytes are intercepted on
 * their way into the Readable. Either way the Readable stays empty until other code uses the socket as a stream.
 */
import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import { refill } from "../timing/budget.js";
import { clock } from "../timing/clock.js";
import type { NonSharedBuffer } from "../bytes/non-shared.js";
import { PageShiftedMemory } from "../bytes/page-shifted-memory.js";
import {
  hasOnread,
  isStopped,
  restartReading,
  stopReading,
  takenFrom,
  wasReset,
  type Handle,
} from "./node-internals.js";
import { systemError } from "./system-error.js";
import type { Sink, TransportEvents } from "./transport.js";

/** Bytes read at once: what libuv asks for, too. */
export const READ_SIZE = 64 * 1024;

/**
 * Where all sockets are read into. Every handle keeps a pointer to the memory its next bytes go to, so this is never
 * given away: what arrives in it is copied out before the next read.
 */
const slab = new PageShiftedMemory(READ_SIZE);
/** Where the socket that was just read puts its next bytes, if not into the slab; see {@link nextMemory}. */
let chosen: Buffer | undefined;
/** Memory that got too few bytes to be given away: the next large read gets it. */
let spareMemory: Buffer | undefined;

/** The option with which a socket is made that reads into memory of ours. */
export const onread = { buffer: nextMemory, callback: deliver };

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Node's own types have it
type Listener = (...args: any[]) => void;

export const SINK = Symbol("tcp6.sink");
export const EVENTS = Symbol("tcp6.events");
export const TAKEN = Symbol("tcp6.taken");

/** A socket with the methods of {@link StreamSocket}, whether it is one or was given them. */
export interface HandedSocket extends Socket {
  /** Set while what arrives goes to a connection. */
  [SINK]?: Sink | undefined;
  /** Set while the socket belongs to a connection. */
  [EVENTS]?: TransportEvents | undefined;
  /** Bytes that the kernel had taken when the socket was destroyed, and its handle with it. */
  [TAKEN]?: number | undefined;
}

/** A socket that hands what arrives to its connection instead of to its Readable, until it is used as a stream. */
export class StreamSocket extends Socket implements HandedSocket {
  declare [SINK]?: Sink | undefined;
  declare [EVENTS]?: TransportEvents | undefined;
  declare [TAKEN]?: number | undefined;

  override destroy(error?: Error): this {
    if (!this.destroyed) this[TAKEN] = takenFrom(this);
    return super.destroy(error);
  }

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    const sink = this[SINK];
    if (sink !== undefined) return received(this, sink, chunk);
    if (chunk !== null || !wasReset(this)) return super.push(chunk, encoding);
    this.destroy(systemError("ECONNRESET", "read"));
    return false;
  }

  /** Ends the Readable, and does not look for a reset in disguise. */
  pushEnd(): void {
    super.push(null);
  }

  override read(size?: number): unknown {
    if (this[SINK] !== undefined) {
      // Node calls read(0) itself to start reading, also after the end of the stream.
      if (size === 0) return null;
      handOverToStream(this);
    }
    return super.read(size) as unknown;
  }

  override resume(): this {
    handOverToStream(this);
    return super.resume();
  }

  override on(event: string, listener: Listener): this {
    if (event === "data" || event === "readable") handOverToStream(this);
    return super.on(event, listener);
  }

  override ref(): this {
    this[EVENTS]?.refer(true);
    return super.ref();
  }

  override unref(): this {
    this[EVENTS]?.refer(false);
    return super.unref();
  }

  override addListener(event: string, listener: Listener): this {
    return this.on(event, listener);
  }
}

/** Forgets the connection of a socket. */
export function forgetConnection(socket: HandedSocket): void {
  // The last one first, as in SharedMethods.
  /* eslint-disable @typescript-eslint/no-dynamic-delete -- as there */
  delete socket[TAKEN];
  delete socket[EVENTS];
  delete socket[SINK];
  /* eslint-enable @typescript-eslint/no-dynamic-delete */
}

/** Whether other bytes are in the same memory, as they are in Node's pool: such a chunk cannot be given away. */
function isShared({ length, buffer }: Uint8Array): boolean {
  return length !== buffer.byteLength;
}

/** Hands over what a socket would put into its Readable; answers whether more may arrive. */
export function received(socket: HandedSocket, sink: Sink, chunk: unknown): boolean {
  if (chunk !== null) {
    // Node pushes what the kernel has brought, in a turn of its own.
    refill();
    return sink.arrive(chunk as Buffer, (chunk as Buffer).length, isShared(chunk as Buffer));
  }
  // Not every runtime leaves it at 'close' when the socket was destroyed.
  if (socket.destroyed) return false;
  if (wasReset(socket)) socket[EVENTS]?.failed(systemError("ECONNRESET", "read"));
  else socket[EVENTS]?.peerEnded();
  return false;
}

/** Whether what arrives at a socket of the program's goes to the callback of its option `onread`. */
export function readsElsewhere(socket: Socket): boolean {
  return !(socket instanceof StreamSocket) && hasOnread(socket);
}

/**
 * Leaves what arrives in the kernel until the stream asks for it, or else until the next turn of the event loop, when
 * Node's own sockets read. A socket that is sent to another process in this turn takes all of it along.
 */
export function pauseForTurn(socket: Socket): void {
  const handle = stopReading(socket);
  if (handle !== null) clock.setImmediate(readAgain, socket, handle);
}

function readAgain(socket: Socket, handle: Handle): void {
  if (!isStopped(socket, handle)) return;
  // The Readable of another kind of socket may have asked for bytes already, and would not ask again when it is resumed.
  if (!socket.isPaused() || !(socket instanceof StreamSocket)) restartReading(socket, handle, READ_SIZE);
}

/** Puts bytes, and the end, into the Readable, where everything goes from now on. */
export function handOverUnread(socket: HandedSocket, unread: readonly Buffer[], ended: boolean): void {
  if (socket[SINK] !== undefined) socket[SINK] = undefined;
  // A Readable that knows its end takes bytes at its front only.
  if (socket.readableEncoding === null) for (const chunk of unread.toReversed()) socket.unshift(chunk);
  else for (const chunk of unread) socket.push(chunk);
  if (!ended) return;
  if (socket instanceof StreamSocket) socket.pushEnd();
  else socket.push(null);
  socket.read(0);
}

/** Moves what is unread into the Readable, unless the Readable has ended. Answers whether it did. */
export function handOverToStream(socket: HandedSocket): boolean {
  const events = socket[EVENTS];
  if (socket[SINK] === undefined || events === undefined) return false;
  if (socket.readableEnded || socket.destroyed) return false;
  const { unread, ended } = events.handOverToStream();
  handOverUnread(socket, unread, ended);
  return true;
}

/**
 * The callback of `onread`. Right after it Node asks {@link nextMemory} where the same socket's next bytes go: for a
 * socket that fills its memory to a buffer of its own, which can then be given away without copying; or to another place
 * in the slab, if its reader copies.
 */
function deliver(this: HandedSocket, size: number, memory: Uint8Array): boolean {
  refill();
  const filled = memory as NonSharedBuffer;
  const sink = this[SINK];
  const shared = slab.has(filled);
  const lent = shared || (sink?.ring == null && size < READ_SIZE / 2);
  if (lent && !shared && filled.length === READ_SIZE) spareMemory = filled;
  const more = sink === undefined ? this.push(own(filled, size, lent)) : sink.arrive(filled, size, lent);
  const ring = sink?.ring;
  // Bytes that stop the reading are ahead of the loop.
  if (ring != null) chosen = ring.next(!more);
  else if (size === READ_SIZE) {
    if (sink?.copies === true) slab.move();
    else chosen = ownMemory();
  }
  return more;
}

function own(memory: Buffer, size: number, lent: boolean): Buffer {
  const bytes = memory.subarray(0, size);
  return lent ? Buffer.from(bytes) : bytes;
}

function nextMemory(): Buffer {
  const memory = chosen ?? slab.current;
  chosen = undefined;
  return memory;
}

function ownMemory(): Buffer {
  const memory = spareMemory ?? Buffer.allocUnsafeSlow(READ_SIZE);
  spareMemory = undefined;
  return memory;
}
