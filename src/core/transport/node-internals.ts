/**
 * All that this library uses of Node and Node does not document: handles, and every name that begins with an underscore.
 * tls-internals.ts has what is about TLS sockets alone, server-internals.ts what is about servers.
 *
 * Each is a capability, and found by looking for it, never by a release's number. Where one is not there (Bun, Deno, a
 * later Node), what it gave is had in another way, or is missing: docs/platforms.md says which.
 */
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { Socket, type OnReadOpts, type SocketConstructorOpts } from "node:net";
import { constants } from "node:os";
import { versions } from "node:process";
import type { Duplex, Writable } from "node:stream";
import { MAX_UTF8_BYTES_PER_CODE_UNIT, type Payload } from "../bytes/payload.js";
import { BorrowedMethods } from "./borrowed-methods.js";
import { guard } from "./guard.js";

/** The capabilities. Tests switch each of them off, to see that the library works without it. */
const on = {
  /**
   * Sockets are read and written past the queues of their streams (`_read`, `_write`, `_writev`): what the kernel takes is
   * known at once, and a write that fails leaves what has arrived. Without it a socket is used as any Duplex is.
   */
  worksPastStreams: true,
  /** The handle of a socket tells that it is one of the kernel's, which a terminal's is not. */
  knowsKindsOfHandles: true,
  /** Sockets have their handle read into memory of ours: no chunk is allocated for what arrives. */
  readsIntoOurMemory: true,
  /**
   * A server's handle gives the handle of each client, so that the socket is made by us and reads into our memory; and the
   * server's count of connections can be changed, so that a server which closes does not wait for claimed sockets.
   */
  acceptsHandles: true,
  /** The request of a write is used again, so that a small write makes no object. */
  writesDirectly: true,
  /** A handle knows how many bytes the kernel has not taken, so that the progress of a write is seen without cutting it. */
  tellsUnsentBytes: true,
  /** A handle has a descriptor. */
  knowsDescriptors: true,
  /** A handle knows whether it keeps the process alive. */
  knowsWhetherReferred: true,
  /** A handle is asked for its peer, which it does not know any more after a reset that was reported as an end. */
  detectsHiddenResets: true,
  /** Reading stops at once, so that a socket that goes to another process takes along what arrives meanwhile. */
  stopsReadingAtOnce: true,
  /** Where the process may not use the network, binding throws from a callback of Node's: that is caught. */
  catchesRefusedBinds: true,
  /** A socket that was made with `onread` is recognized: no stream ever sees its bytes. */
  recognizesOnread: true,
  /** The bytes of a character that has come in part are taken out of the decoder that keeps them. */
  takesBegunCharacters: true,
  /** A socket tells what `setNoDelay` and `setKeepAlive` have set. */
  knowsSettings: true,
  /** A stream whose `'readable'` listener goes is at once as it was before, rather than in the next turn, and flowing. */
  restoresFlow: true,
  /** Streams of `readable-stream` 2 and 3 tell their encoding. */
  knowsOldEncodings: true,
  /**
   * TLS sockets are read and written past the queues of their streams, tell how their stream has ended, and what of theirs
   * the stream beneath has not taken. Without it a TLS socket is used as any Duplex is.
   */
  worksPastTls: true,
  /** A TLS socket tells the stream that it was made on, which can then be reset. */
  knowsBeneathTls: true,
  /** The workers of a cluster have the same ticket keys: each resumes the TLS sessions of all. */
  sharesTicketKeys: true,
  /** A stream tells by `_final` that it has taken everything, and by `_destroy` that it is destroyed, without any event. */
  watchesEndings: true,
};

export type Capability = keyof typeof on;

/** Whether a capability is there to be used, for the other files of such. */
export function has(name: Capability): boolean {
  return on[name];
}

/** All of them, by name. */
export const CAPABILITIES = Object.keys(on) as readonly Capability[];

/** For tests: switches these capabilities off and all others on, for what is made from now on. */
export function switchOff(...names: readonly Capability[]): void {
  for (const name of CAPABILITIES) on[name] = !names.includes(name);
}

/** For tests: calls `tell` whenever a capability is asked for, from now on. */
export function tellUses(tell: (name: Capability) => void): void {
  for (const name of CAPABILITIES) {
    let isOn = on[name];
    Object.defineProperty(on, name, {
      get: () => {
        tell(name);
        return isOn;
      },
      set: (value: boolean) => (isOn = value),
    });
  }
}

/** The parts of Node's stream handles that are used, each where it exists. */
export interface Handle {
  readonly fd?: number;
  readonly bytesWritten?: number;
  readonly writeQueueSize?: number;
  readonly useUserBuffer?: unknown;
  /** Only handles of the kernel's own sockets have one. */
  readonly bind?: unknown;
  /** Bun's handles have this instead. */
  readonly terminate?: unknown;
  hasRef?(): boolean;
  getpeername?(into: object): number;
  /** Node's own mark that it reads. */
  reading?: boolean;
  /** Answers 0, or the negative number of an error. */
  readStart?(): number;
  readStop?(): number;
}

/** The handle of a socket or server, if it has one. */
export function handleOf(owner: object): Handle | null | undefined {
  return (owner as { _handle?: Handle | null })._handle;
}

// Sockets

let hasUserBuffers: boolean | undefined;
let hasQueueSize: boolean | undefined;

/** The options of a socket that starts reading when it is told to, around a handle if there is one already. */
export function unstarted(handle: Handle | undefined, onread: OnReadOpts): SocketConstructorOpts {
  const options = {
    handle,
    manualStart: true,
    allowHalfOpen: true,
    onread:
      on.readsIntoOurMemory && on.worksPastStreams && (hasUserBuffers ??= readsIntoOurMemory(onread))
        ? onread
        : undefined,
    // As the constructor sets them in any case: adding them to its copy costs 13 µs on Node 20, a hidden class each.
    emitClose: false,
    autoDestroy: true,
    decodeStrings: false,
  };
  return options;
}

/**
 * Whether sockets have their handle read into memory of ours, as Node's do: seen with a handle that is not one. Others
 * know the option `onread`, and call its functions in ways of their own.
 */
function readsIntoOurMemory(onread: OnReadOpts): boolean {
  // Deno's handles keep the memory: TLS over such a socket, also one that was detached, would get nothing.
  if ("deno" in versions) return false;
  const handle = {
    asked: false,
    useUserBuffer() {
      this.asked = true;
    },
  };
  try {
    new Socket({ handle, manualStart: true, onread } as SocketConstructorOpts).unref();
  } catch {
    return false;
  }
  return handle.asked;
}

/** Whether an accepted handle's bytes can be read into memory of ours. */
export function readsDirectly(handle: Handle | null | undefined): handle is Handle {
  return on.readsIntoOurMemory && typeof handle?.useUserBuffer === "function";
}

/** Whether a stream is a socket of the kernel's, whose bytes go there as they are: a TLS socket is not. */
export function isKernelSocket(stream: object): stream is Socket {
  if (!(stream instanceof Socket) || "encrypted" in stream) return false;
  if (!on.knowsKindsOfHandles) {
    return !stream.destroyed && (stream.connecting || !stream.pending) && !("isTTY" in stream);
  }
  const handle = handleOf(stream);
  return typeof (handle?.bind ?? handle?.terminate) === "function";
}

/** Whether a socket or server has a handle. One that was sent to another process has none, and is not destroyed. */
export function hasHandle(owner: object): boolean {
  return handleOf(owner) != null;
}

/** Whether bytes go past the streams of sockets. */
export function worksPastStreams(): boolean {
  return on.worksPastStreams;
}

/** The descriptor that a socket or server has, where there are descriptors. */
export function descriptorOf(owner: object): number | undefined {
  const fd = on.knowsDescriptors ? handleOf(owner)?.fd : undefined;
  return fd === undefined || fd < 0 ? undefined : fd;
}

/** Whether the maker of a socket lets the process end while it is open. */
export function isUnreferred(socket: Socket): boolean {
  return on.knowsWhetherReferred && handleOf(socket)?.hasRef?.() === false;
}

/** Whether handles tell how much the kernel has not taken yet, as Node's do. */
export function tellsUnsent(socket: Socket): boolean {
  if (!on.tellsUnsentBytes) return false;
  if (hasQueueSize !== undefined) return hasQueueSize;
  const handle = handleOf(socket);
  return handle == null || (hasQueueSize = typeof handle.writeQueueSize === "number");
}

/** Bytes that a socket was given and the kernel has not taken, if that is known. */
export function unsentOf(socket: Socket): number | undefined {
  return on.tellsUnsentBytes ? handleOf(socket)?.writeQueueSize : undefined;
}

/** Bytes that the kernel has taken from a socket. */
export function takenFrom(socket: Socket): number {
  const handle = on.tellsUnsentBytes ? handleOf(socket) : undefined;
  return (handle?.bytesWritten ?? socket.bytesWritten) - (handle?.writeQueueSize ?? 0);
}

/** Most bytes that Node encodes on its stack: of a text that may have more, it makes a request first. */
const STACK_BYTES = 16 * 1024;

/** Whether a handle counts what it was given among {@link takenFrom}, if the kernel refuses it at once. */
export function isCountedIfRefused(payload: Payload): boolean {
  return typeof payload !== "string" || MAX_UTF8_BYTES_PER_CODE_UNIT * payload.length > STACK_BYTES;
}

/**
 * Whether an end of stream is a reset in disguise: when data and RST arrive together, libuv 1.46 to 1.49 (Node 20, 22)
 * reports an end. The kernel then knows no peer any more; after our own FIN it would not in either case.
 */
export function wasReset(socket: Socket): boolean {
  if (socket.writableEnded || !on.detectsHiddenResets) return false;
  return (handleOf(socket)?.getpeername?.({}) ?? 0) !== 0;
}

/** Stops reading a socket, in this turn of the event loop already. Answers what {@link isStopped} is asked with. */
export function stopReading(socket: Socket): Handle | null {
  const handle = handleOf(socket);
  if (!on.stopsReadingAtOnce || handle?.reading !== true || handle.readStop === undefined) return null;
  handle.reading = false;
  handle.readStop();
  return handle;
}

/** Whether a socket still has the handle whose reading was stopped. */
export function isStopped(socket: Socket, handle: Handle): boolean {
  return handleOf(socket) === handle;
}

/** Has a socket's handle read, whether or not its stream has room. */
export function startReading(socket: Socket, size: number): void {
  socket._read(size);
}

/**
 * Has a handle read again that {@link stopReading} has stopped. Code that uses handles itself, as HTTP/2 does, may have
 * started it meanwhile, and the socket does not know: it would take for a failure that the handle reads already.
 */
export function restartReading(socket: Socket, handle: Handle, size: number): void {
  if (handle.reading === true) return;
  const status = handle.readStart?.();
  if (status === 0 || status === -constants.errno.EALREADY) handle.reading = true;
  else startReading(socket, size);
}

type Written = (error?: Error | null) => void;

/** Writes past a socket's own queue: the callback is called at once if the kernel takes everything. */
export function write(socket: Writable, chunk: string | Uint8Array, done: Written): void {
  if (typeof chunk === "string") socket._write(chunk, "utf8", done);
  else socket._write(chunk, "buffer" as BufferEncoding, done);
}

/** The same for a list. Answers `false`, and has done nothing, where the socket's handle cannot. */
export function writeList(socket: Writable, parts: readonly (string | Uint8Array)[], done: Written): boolean {
  // Node sets it to null then.
  if (socket._writev == null) return false;
  const chunks = parts.map((chunk) => ({
    chunk: chunk,
    encoding: (typeof chunk === "string" ? "utf8" : "buffer") as BufferEncoding,
  }));
  socket._writev(chunks, done);
  return true;
}

/** Writes nothing to a socket, which ends when `held` calls `done`: what is written to the socket meanwhile waits. */
export function holdWrites(socket: Writable, held: (done: Written) => void): void {
  socket._write = (_chunk, _encoding, done) => {
    Reflect.deleteProperty(socket, "_write");
    held(done);
  };
  socket.write("");
}

/** What a handle answers if it must not do something: any number but 0 will do. */
const NOT_PERMITTED = -1;

/** Calls `caught` with what a connecting socket throws when it binds to its local end: Node binds from a callback. */
export function guardBinding(socket: Socket, caught: (cause: unknown) => void): void {
  const handle = handleOf(socket);
  if (handle == null || !on.catchesRefusedBinds) return;
  for (const name of ["bind", "bind6"]) {
    guard(handle, name, (cause) => {
      caught(cause);
      return NOT_PERMITTED;
    });
  }
}

// Writing with a request of ours

/** The request of a write, as Node makes it for the handle's methods. */
export interface WriteRequest {
  /** {@link UNUSED} unless a write is under way with it. */
  getAsyncId(): number;
  /** Node's own: calls back with an error of Node's, or none. */
  oncomplete(status: number): void;
  handle: object;
  callback: Written;
  /** Keeps what is being sent alive. */
  buffer: unknown;
}

/** Handles that take a request for each write. */
export interface WritableHandle extends Handle {
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  writeUtf8String(request: WriteRequest, text: string): number;
  /** With `onlyBytes`, parts one after the other; without, each followed by its encoding. Not all handles have it. */
  writev(request: WriteRequest, parts: readonly unknown[], onlyBytes: boolean): number;
}

const UNUSED = -1;

/** Whether no write is under way with a request. */
export function isUnused(request: WriteRequest): boolean {
  return request.getAsyncId() === UNUSED;
}

export function writableHandleOf(socket: Socket): WritableHandle | null {
  return on.writesDirectly ? (handleOf(socket) as WritableHandle | null) : null;
}

/** A request as Node makes it: seen on its way to a handle that is not one. `null` where there is no such thing. */
export function newWriteRequest(): WriteRequest | null {
  let seen = null as WriteRequest | null;
  const handle = {
    writeBuffer(request: WriteRequest | null) {
      seen = request;
      return 0;
    },
  };
  const options = { handle, manualStart: true };
  try {
    write(new Socket(options as SocketConstructorOpts), Buffer.alloc(1), () => undefined);
    return seen?.getAsyncId() === UNUSED && typeof seen.oncomplete === "function" ? seen : null;
  } catch {
    return null;
  }
}

// Streams of others

/** Whether a socket was made with the option `onread`, whose callback gets what arrives in place of the stream. */
export function hasOnread(socket: Socket): boolean {
  return on.recognizesOnread && (ownSymbolsOf(socket).get("kBuffer") ?? null) !== null;
}

/** Where a socket keeps what `setNoDelay` and `setKeepAlive` have set; `null` for what does not tell. */
export function keptSettingsOf(stream: object): ReadonlyMap<string | undefined, unknown> | null {
  return on.knowsSettings && stream instanceof Socket ? ownSymbolsOf(stream) : null;
}

/** What Node keeps in an object under symbols of its own, by their descriptions. */
function ownSymbolsOf(object: object): Map<string | undefined, unknown> {
  const values = object as Record<symbol, unknown>;
  return new Map(Object.getOwnPropertySymbols(object).map((symbol) => [symbol.description, values[symbol]]));
}

/** The parts of Node's StringDecoder that tell which bytes it keeps until the character is whole. */
interface KeepingDecoder {
  readonly lastChar: Buffer;
  readonly lastTotal: number;
  readonly lastNeed: number;
  end(): string;
}

interface Readable {
  readonly _readableState?: {
    readableListening?: boolean;
    readonly decoder?: KeepingDecoder | null;
    readonly encoding?: BufferEncoding | null;
  };
}

/** Takes out the first bytes of a character whose last bytes have not arrived: the decoder of a socket keeps them. */
export function begunCharacter(socket: Socket): Buffer {
  const decoder = (socket as Readable)._readableState?.decoder;
  if (decoder == null || !on.takesBegunCharacters) return Buffer.alloc(0);
  const { lastChar, lastTotal, lastNeed } = decoder;
  const begun = Buffer.from(lastChar.subarray(0, lastTotal - lastNeed));
  decoder.end();
  return begun;
}

/**
 * Takes a `'readable'` listener off a stream that was `flowing` or not before it was put there; a stream that flowed has to be
 * resumed. Node's own way lets a stream that was paused flow if anything listens to `'data'`, and `readable-stream` 3 leaves
 * every stream paused.
 */
export function stopListening(stream: Duplex, listener: () => void, flowing: boolean | null): void {
  const state = (stream as Readable)._readableState;
  const isKnown = typeof state?.readableListening === "boolean" && "readableFlowing" in stream;
  if (!on.restoresFlow || !isKnown) {
    // By this name: `off` of some packages' streams is not their own.
    stream.removeListener("readable", listener);
    return;
  }
  EventEmitter.prototype.removeListener.call(stream, "readable", listener);
  state.readableListening = stream.listenerCount("readable") > 0;
  (stream as { readableFlowing: boolean | null }).readableFlowing = flowing === true ? null : flowing;
}

/** The encoding of the text that a stream yields, for streams that have no `readableEncoding`. */
export function oldEncodingOf(stream: Duplex): BufferEncoding | null {
  return on.knowsOldEncodings ? ((stream as Readable)._readableState?.encoding ?? null) : null;
}

/** What {@link watchEnding} reports. */
export interface EndingWatch {
  /** The stream has taken all that was written to it, and is about to finish. */
  taken(): void;
  destroying(): void;
  /** The stream is destroyed. Some streams emit no `'close'` then. */
  destroyed(): void;
}

const ENDING = ["_final", "_destroy"] as const;

/** Calls `watch` when a stream ends, until the stream is given its own methods back. */
export function watchEnding(stream: Duplex, watch: EndingWatch): { giveBack(): void } {
  if (!on.watchesEndings) return watchDestroy(stream, watch);
  return new BorrowedMethods(
    stream,
    (own) => ({
      _final: (callback) => {
        watch.taken();
        own._final.call(stream, callback);
      },
      _destroy: (error, callback) => {
        watch.destroying();
        // Packages' streams may have a method of this name with no callback.
        const destroyed = callback as typeof callback | undefined;
        own._destroy.call(stream, error, (failure) => {
          destroyed?.(failure);
          watch.destroyed();
        });
      },
    }),
    ENDING.filter((name) => typeof stream[name] === "function"),
  );
}

/** The same by the public `destroy()` alone. The rest follows from the events of the stream, if it emits any. */
function watchDestroy(stream: Duplex, watch: EndingWatch): { giveBack(): void } {
  const destroying = (own: Pick<Duplex, "destroy">): Pick<Duplex, "destroy"> => ({
    destroy: (error) => {
      watch.destroying();
      return own.destroy.call(stream, error);
    },
  });
  return new BorrowedMethods<Duplex, "destroy">(stream, destroying, ["destroy"]);
}
