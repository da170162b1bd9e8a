/**
 * What Node does not document of its TLS sockets, and this library uses: how they sit on the stream beneath. The
 * capabilities are in the table of node-internals.ts.
 */
import { Socket } from "node:net";
import { constants } from "node:os";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { isList, type Payload } from "../bytes/payload.js";
import { has, type Handle } from "./node-internals.js";
import type { OwnOf } from "./shared-methods.js";

/** The handle of a TLS socket: it encrypts what it is given, and sits on the handle of the stream beneath. */
interface TlsHandle extends Handle {
  readonly _parent?: TlsHandle;
  readonly _parentWrap?: Wrap | null;
  /** Of the stream beneath: answers with an error number if it is reading already. */
  readStart?(): number;
  /** Of a handle of a stream of JavaScript: called by its `readStart()`. */
  onreadstart?: (() => number) | undefined;
  close?(done?: () => void): void;
  /** Of a handle of TCP: closes it with RST. */
  reset?(done?: () => void): number;
}

/** A socket; or Node's own stream around one that is no socket. */
type Wrap = Duplex & { readonly stream?: Duplex; readonly _handle: object | null };

type Written = (error?: Error | null) => void;

function handleOf(socket: object): TlsHandle | null {
  return (socket as { _handle: TlsHandle | null })._handle;
}

/** Whether a TLS socket is one of Node's, on a stream beneath, and open. Others' do not tell what is not sent. */
export function worksPastTls(socket: TLSSocket): boolean {
  if (!has("worksPastTls") || socket.destroyed) return false;
  const handle = handleOf(socket);
  return handle?._parent !== undefined && typeof handle.writeQueueSize === "number";
}

/**
 * The stream that a TLS socket was made on; `undefined` for any other stream, for a socket that has connected by itself, and
 * for one that has closed.
 */
export function streamBeneath(socket: object): Duplex | undefined {
  const handle = handleOf(socket);
  if (!has("knowsBeneathTls") || !("encrypted" in socket) || handle == null) return undefined;
  // Bun's handles tell nothing.
  return handle._parentWrap == null ? parentOf(socket) : unwrapped(handle._parentWrap);
}

/** The stream that the handle of a TLS socket is on; `undefined` before it is, and for a handle of others. */
export function streamOfHandle(handle: object): Duplex | undefined {
  const { _parentWrap: wrap } = handle as TlsHandle;
  return wrap == null || !has("knowsBeneathTls") ? undefined : unwrapped(wrap);
}

/** The stream that a TLS socket was made on, also once it has closed; `undefined` where {@link tellsParent} says no. */
export function parentOf(socket: object): Duplex | undefined {
  const { _parent: parent } = socket as { _parent?: Wrap | null };
  return parent == null || !has("knowsBeneathTls") ? undefined : unwrapped(parent);
}

const haveParents = "_parent" in new Socket();

/** Whether the TLS sockets of this runtime tell {@link parentOf} their stream. */
export function tellsParent(): boolean {
  return has("knowsBeneathTls") && haveParents;
}

/** Node wraps a stream that is no socket in one of its own. */
function unwrapped(wrap: Wrap): Duplex {
  return wrap.stream ?? wrap;
}

/** The handle at the bottom: that of the kernel's socket, or of a stream of JavaScript. */
function bottomOf(socket: TLSSocket): TlsHandle | null {
  let handle = handleOf(socket);
  while (handle?._parent !== undefined) handle = handle._parent;
  return handle;
}

/** The stream that a TLS socket was made on, and beneath that the last. */
export function streamAtBottom(socket: TLSSocket): Duplex | undefined {
  let stream: Duplex | undefined;
  for (let below = streamBeneath(socket); below !== undefined; below = streamBeneath(below)) stream = below;
  return stream;
}

/** Whether a TLS socket, or a TLS socket within one, is on a socket of the kernel's. */
export function isOnKernelSocket(socket: TLSSocket): boolean {
  return bottomOf(socket)?.bind !== undefined;
}

/** Whether the maker of the kernel's socket beneath lets the process end while it is open. */
export function isUnreferredBeneath(socket: TLSSocket): boolean {
  return has("knowsWhetherReferred") && bottomOf(socket)?.hasRef?.() === false;
}

/**
 * Whether an end of stream that a TLS socket reports just now was said by its peer, with close_notify. The end of the
 * stream beneath is reported in the same way; but libuv stops reading then, and otherwise a handle reads on. Beneath TLS in
 * TLS that is asked of the stream at the bottom: a TLS handle passes the question on, unless its own stream has ended.
 */
export function hasEndedCleanly(socket: TLSSocket): boolean {
  const handle = handleOf(socket);
  const beneath = handle?._parent;
  // A handle that does not read gets no end from beneath.
  if (beneath === undefined || handle?.reading === false) return true;
  const bottom = bottomOf(socket);
  if (bottom === null || !isOfJavaScript(bottom)) return isReading(beneath);
  const hasEnded = streamAtBottom(socket)?.readableEnded === true;
  const own = bottom.onreadstart;
  bottom.onreadstart = () => (hasEnded ? 0 : IS_READING);
  const isClean = isReading(beneath);
  bottom.onreadstart = own;
  return isClean;
}

/** What libuv answers if it is asked to read from what it reads already. */
const IS_READING = -constants.errno.EALREADY;

function isReading(handle: TlsHandle): boolean {
  return handle.readStart?.() === IS_READING;
}

/** Whether the stream beneath is read and written by JavaScript: its handle has no queue. */
function isOfJavaScript(beneath: TlsHandle): boolean {
  return beneath.writeQueueSize === undefined;
}

/** Whether the stream beneath has closed, so that nothing can be given to it. */
export function hasClosedBeneath(socket: TLSSocket): boolean {
  return handleOf(socket)?._parentWrap?._handle === null;
}

/** Bytes of records that the stream beneath has not taken, the alerts and tickets of TLS itself among them. */
export function unsentRecordsOf(socket: TLSSocket): number {
  return handleOf(socket)?.writeQueueSize ?? 0;
}

/** Whether the kernel has taken all that the handle of a TLS socket has given it, which Node reports a turn later. */
export function hasTakenAll(socket: TLSSocket): boolean {
  const handle = handleOf(socket);
  return handle?._parent?.writeQueueSize === 0 && handle.writeQueueSize !== 0;
}

/**
 * Whether the stream at the bottom has a write under way. In between, a TLS socket that could not send records of its own
 * keeps them for ever.
 */
export function isSendingBeneath(socket: TLSSocket): boolean {
  let lowest: Duplex | undefined;
  for (let below = streamBeneath(socket); below !== undefined; below = streamBeneath(below)) lowest = below;
  return (bottomOf(socket)?.writeQueueSize ?? lowest?.writableLength ?? 0) > 0;
}

/** Closes a TLS socket that has connected by itself, with no socket beneath, and closes the connection with RST. */
export function resetWhole(socket: TLSSocket): void {
  const beneath = handleOf(socket)?._parent;
  const close = beneath?.close?.bind(beneath);
  if (beneath !== undefined) {
    beneath.close = (done) => {
      if (beneath.reset?.(done) !== 0) close?.(done);
    };
  }
  socket.destroy();
}

/** Emitted with each error of TLS, also where its maker has left a TLS socket in a state in which it emits no `'error'`. */
export const TLS_ERROR = "_tlsError";

/** Gives what the queue of a TLS socket has for its handle: `give` writes, or ends, and calls back. */
export interface TlsWrites {
  /** Names the loan of the methods that ask it: a method of an earlier loan, which a program has wrapped, passes its calls on. */
  readonly ownOf: OwnOf<Queueing>;
  write(give: (done: Written) => void, done: Written): void;
  end(give: (done: Written) => void, done: Written): void;
  /** The socket was told to destroy itself: its queue gives nothing any more. */
  destroyed(): void;
}

/** Has, of a TLS socket whose queue does not give bytes to the handle itself, what does so. */
export const WRITES = Symbol("tcp6.writes");

/** A TLS socket with the methods of {@link queueing}. */
export interface QueueingSocket extends TLSSocket {
  [WRITES]?: TlsWrites | undefined;
}

/** The methods by which the queue of a TLS socket gives bytes and the end to the handle. */
export type Queueing = Required<Pick<TLSSocket, "_write" | "_writev" | "_final">>;

/** Such methods that ask {@link WRITES}. */
export function queueing(ownOf: OwnOf<Queueing>): Queueing {
  return {
    _write(this: QueueingSocket, chunk: unknown, encoding: BufferEncoding, done: Written): void {
      const own = ownOf(this);
      const writes = this[WRITES];
      if (writes?.ownOf !== ownOf) own._write.call(this, chunk, encoding, done);
      else writes.write((written) => own._write.call(this, chunk, encoding, written), done);
    },
    _writev(
      this: QueueingSocket,
      chunks: { chunk: unknown; encoding: BufferEncoding }[],
      done: Written,
    ): void {
      const own = ownOf(this);
      const writes = this[WRITES];
      if (writes?.ownOf !== ownOf) own._writev.call(this, chunks, done);
      else writes.write((written) => own._writev.call(this, chunks, written), done);
    },
    _final(this: QueueingSocket, done: Written): void {
      const own = ownOf(this);
      const writes = this[WRITES];
      if (writes?.ownOf !== ownOf) own._final.call(this, done);
      else writes.end((written) => own._final.call(this, written), done);
    },
  };
}

/**
 * Writes a payload past the queue, by a socket's own methods. It must have called back before anything else is written: Node
 * aborts otherwise.
 */
export function writePast(socket: TLSSocket, own: Queueing, payload: Payload, done: Written): void {
  if (typeof payload === "string") own._write.call(socket, payload, "utf8", done);
  else if (!isList(payload)) own._write.call(socket, payload, "buffer" as BufferEncoding, done);
  else own._writev.call(socket, payload.map(queued), done);
}

/** A chunk as the queue of a stream has it. */
function queued(chunk: string | Uint8Array): { chunk: string | Uint8Array; encoding: BufferEncoding } {
  return { chunk, encoding: typeof chunk === "string" ? "utf8" : ("buffer" as BufferEncoding) };
}
