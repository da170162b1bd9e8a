/**
 * The hand-over between Node's sockets and a connection, in one place.
 *
 * A socket read with `onread` (https://nodejs.org/api/net.html#new-netsocketoptions) puts bytes into memory of ours and
 * calls us directly, past the Readable's queue and events. `onread` can only be given to a constructor, so the handle of
 * an accepted socket moves into a socket of our own making. Where that cannot be done, the same bytes are intercepted on
 * their way into the Readable. Either way the Readable stays empty until somebody uses the socket as a stream.
 */
import { Socket, type SocketConstructorOpts } from "node:net";
import type { Payload } from "./payload.js";
import type { Receiver, Taken, Transport } from "./transport.js";

/** The parts of Node's stream handles that are used, each where it exists. */
interface Handle {
  readonly fd?: number;
  readonly writeQueueSize?: number;
  readonly useUserBuffer?: unknown;
  /** Only TCP handles have one. */
  readonly reset?: unknown;
  getpeername?(into: object): number;
}

/** Bytes read at once: what libuv asks for, too. */
const READ_SIZE = 64 * 1024;

/**
 * Where all sockets are read into. Every handle keeps a pointer to the memory its next bytes go to, so this is never
 * given away: what arrives in it is copied out before the next read.
 */
const slab: Buffer = Buffer.allocUnsafeSlow(READ_SIZE);
/** What the socket that was just read gets its next bytes into; see {@link nextMemory}. */
let chosen = slab;
/** A buffer that was not worth giving away. */
let spare: Buffer | undefined;

const onread = { buffer: nextMemory, callback: deliver };

let direct = true;

/** Whether sockets are read with `onread` where that is possible, as they are unless a test says otherwise. */
export function readDirectly(on: boolean): void {
  direct = on;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Node's own types have it
type Listener = (...args: any[]) => void;

const INTAKE = Symbol("tcp6.intake");
const OWNER = Symbol("tcp6.owner");

/** A socket with the methods of {@link StreamSocket}, whether it is one or was given them. */
interface HandedSocket extends Socket {
  /** Who is given the bytes and the end. */
  [INTAKE]?: Receiver | undefined;
  /** Who is told of errors and of the close. */
  [OWNER]?: Receiver | undefined;
}

/** A socket that hands what arrives to its receiver instead of to its Readable, until it is used as a stream. */
class StreamSocket extends Socket implements HandedSocket {
  declare [INTAKE]?: Receiver | undefined;
  declare [OWNER]?: Receiver | undefined;

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    const receiver = this[INTAKE];
    if (receiver === undefined) return super.push(chunk, encoding);
    if (chunk !== null) return receiver.arrive(chunk as Buffer, (chunk as Buffer).length, false);
    if (wasReset(this)) receiver.fail(connectionReset());
    else receiver.end();
    return false;
  }

  override read(size?: number): unknown {
    if (this[INTAKE] !== undefined) {
      // Node's own way to get things going, also after the end of the stream.
      if (size === 0) return null;
      surrender(this);
    }
    return super.read(size) as unknown;
  }

  override resume(): this {
    surrender(this);
    return super.resume();
  }

  override on(event: string, listener: Listener): this {
    if (event === "data" || event === "readable") surrender(this);
    return super.on(event, listener);
  }

  override addListener(event: string, listener: Listener): this {
    return this.on(event, listener);
  }
}

const INTERCEPTED = ["push", "read", "resume", "on", "addListener"] as const;

/** A socket to connect with; {@link transportOf} makes a transport of it when it has connected. */
export function newSocket(options: SocketConstructorOpts = {}): Socket {
  return new StreamSocket({ ...options, allowHalfOpen: true, ...(direct ? { onread } : {}) });
}

/** A transport over a socket that was accepted with `pauseOnConnect`. */
export function takeOver(accepted: Socket): Transport {
  const handle = handleOf(accepted);
  if (direct && typeof handle?.useUserBuffer === "function") {
    (accepted as unknown as { _handle: null })._handle = null;
    const options = { handle, onread, manualStart: true, allowHalfOpen: true } as SocketConstructorOpts;
    const socket = new StreamSocket(options);
    // Emptied, it only has the server's count of connections to put right.
    accepted.destroy();
    return new SocketTransport(socket);
  }
  leaveServer(accepted);
  const methods = Object.getOwnPropertyDescriptors(StreamSocket.prototype);
  for (const name of INTERCEPTED) Object.defineProperty(accepted, name, methods[name]);
  (accepted as { readableFlowing: boolean | null }).readableFlowing = null;
  return new SocketTransport(accepted);
}

/** A transport over a socket of {@link newSocket} that has connected. */
export function transportOf(connected: Socket): Transport {
  return new SocketTransport(connected);
}

/** Closes a socket with RST, where it knows such a thing: Unix sockets do not. */
export function resetSocket(socket: Socket): void {
  if (typeof handleOf(socket)?.reset !== "function") socket.destroy();
  // While a FIN is on its way libuv refuses, Node emits an error, and the descriptor leaks.
  else if (isEnding(socket)) socket.once("finish", () => resetSocket(socket));
  else socket.resetAndDestroy();
}

function isEnding(socket: Socket): boolean {
  return socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
}

/** The descriptor that a socket or server has, where there are descriptors. */
export function descriptorOf(owner: object): number | undefined {
  const fd = handleOf(owner)?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}

class SocketTransport implements Transport {
  readonly socket: HandedSocket;
  constructor(socket: HandedSocket) {
    this.socket = socket;
  }

  get destroyed(): boolean {
    return this.socket.destroyed;
  }

  get unsent(): number {
    return handleOf(this.socket)?.writeQueueSize ?? Infinity;
  }

  get bytesTaken(): number {
    return this.socket.bytesWritten - (handleOf(this.socket)?.writeQueueSize ?? 0);
  }

  attach(receiver: Receiver): void {
    this.socket[INTAKE] = this.socket[OWNER] = receiver;
    this.socket.on("error", onError);
    this.socket.on("close", onClose);
    if (this.socket.closed) process.nextTick(() => receiver.gone());
  }

  startReading(): void {
    if (!this.socket.destroyed) this.socket._read(READ_SIZE);
  }

  stopReading(): void {
    this.socket.pause();
  }

  send(payload: Payload, taken: Taken): void {
    if (this.socket.destroyed) return;
    // Past the Writable's own queue: the output keeps one, and a reply can be read after a write has failed.
    if (typeof payload === "string") this.socket._write(payload, "utf8", taken);
    else if (payload instanceof Uint8Array) this.socket._write(payload, "buffer" as BufferEncoding, taken);
    else this.#sendList(payload, taken);
  }

  end(done: Taken): void {
    this.socket.end(done);
  }

  destroy(): void {
    this.socket.destroy();
  }

  reset(): void {
    if (!this.socket.destroyed) resetSocket(this.socket);
  }

  release(unread: readonly Buffer[], ended: boolean): Socket {
    this.socket.off("error", onError);
    this.socket.off("close", onClose);
    this.socket[OWNER] = undefined;
    pour(this.socket, unread, ended);
    return this.socket;
  }

  #sendList(parts: readonly (string | Uint8Array)[], taken: Taken): void {
    const chunks = parts.map((chunk) => ({
      chunk: chunk,
      encoding: (typeof chunk === "string" ? "utf8" : "buffer") as BufferEncoding,
    }));
    if (this.socket._writev !== undefined) this.socket._writev(chunks, taken);
    else this.send(Buffer.concat(parts.map((part) => Buffer.from(part as string))), taken);
  }
}

/** Takes a socket out of its server's count, which would otherwise wait for it to close. */
function leaveServer(accepted: Socket): void {
  const counted = accepted as unknown as { _server?: { _connections?: number } | null };
  if (accepted.destroyed || typeof counted._server?._connections !== "number") return;
  counted._server._connections--;
  counted._server = null;
}

/**
 * The callback of `onread`. Right after it Node asks {@link nextMemory} where the same socket's next bytes go: for a
 * socket that fills its memory to a buffer of its own, which can then be given away without copying.
 */
function deliver(this: HandedSocket, size: number, memory: Uint8Array): boolean {
  const filled = memory as Buffer;
  const receiver = this[INTAKE];
  const ring = receiver?.ring;
  const lent = filled === slab || (ring == null && size < READ_SIZE / 2);
  if (lent && filled !== slab) spare = filled;
  if (ring != null) chosen = filled === ring[0] ? ring[1] : ring[0];
  else if (size === READ_SIZE) chosen = ownMemory();
  if (receiver !== undefined) return receiver.arrive(filled, size, lent);
  const chunk = filled.subarray(0, size);
  return this.push(lent ? Buffer.from(chunk) : chunk);
}

function nextMemory(): Buffer {
  const memory = chosen;
  chosen = slab;
  return memory;
}

function ownMemory(): Buffer {
  const memory = spare ?? Buffer.allocUnsafeSlow(READ_SIZE);
  spare = undefined;
  return memory;
}

function surrender(socket: HandedSocket): void {
  const receiver = socket[INTAKE];
  if (receiver === undefined) return;
  const { unread, ended } = receiver.surrender();
  pour(socket, unread, ended);
}

/** Puts bytes, and the end, into the Readable, where everything goes from now on. */
function pour(socket: HandedSocket, unread: readonly Buffer[], ended: boolean): void {
  socket[INTAKE] = undefined;
  for (const chunk of unread) socket.push(chunk);
  if (!ended) return;
  socket.push(null);
  socket.read(0);
}

/**
 * Whether an end of stream is a reset in disguise: when data and RST arrive together, libuv 1.46 to 1.49 (Node 20, 22)
 * reports an end. The kernel then knows no peer any more; after our own FIN it would not in either case.
 */
function wasReset(socket: Socket): boolean {
  if (socket.writableEnded) return false;
  return (handleOf(socket)?.getpeername?.({}) ?? 0) !== 0;
}

function connectionReset(): Error {
  return Object.assign(new Error("read ECONNRESET"), { errno: -104, code: "ECONNRESET", syscall: "read" });
}

function handleOf(owner: object): Handle | null | undefined {
  return (owner as { _handle?: Handle | null })._handle;
}

function onError(this: HandedSocket, error: Error): void {
  this[OWNER]?.fail(error);
}

function onClose(this: HandedSocket): void {
  this[OWNER]?.gone();
}
