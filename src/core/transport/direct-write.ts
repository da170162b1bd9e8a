/**
 * Writes without an object for each.
 *
 * Up to Node 25 every write of a socket makes a request, an object of C++: a third of what a small write costs outside the
 * kernel. It is needed only for what the kernel does not take at once. So one that was not needed is used for the next
 * write, of whichever socket. Node 26 makes requests only when they are needed, and is left to do so.
 */
import { Buffer } from "node:buffer";
import { Socket, type SocketConstructorOpts } from "node:net";
import type { Payload } from "../bytes/payload.js";
import type { Handle } from "./stream-socket.js";
import type { Taken } from "./transport.js";

/** The request of a write, as Node makes it for the handle's methods. */
interface WriteRequest {
  /** {@link UNUSED} unless a write is under way with it. */
  getAsyncId(): number;
  /** Node's own: calls back with an error of Node's, or none. */
  oncomplete(status: number): void;
  handle: object;
  callback: Taken;
  async: boolean;
  /** Keeps what is being sent alive. */
  buffer: unknown;
}

/** Handles that take a request for each write. */
interface WritableHandle extends Handle {
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  writeUtf8String(request: WriteRequest, text: string): number;
  /** With `onlyBytes`, parts one after the other; without, each followed by its encoding. Not all handles have it. */
  writev(request: WriteRequest, parts: readonly unknown[], onlyBytes: boolean): number;
}

const UNUSED = -1;

/** A request that no write is under way with; `null` where there is no such thing. */
let spareRequest: WriteRequest | null | undefined;

/** Sends a payload; `taken` is called as by the socket's `_write`. Answers `false`, and has done nothing, where that must do it. */
export function writeDirectly(socket: Socket, payload: Payload, taken: Taken): boolean {
  // Node's own `_write` also knows how to wait for a connection, and keeps a timeout of the socket from striking.
  if (spareRequest === null || socket.connecting || socket.timeout) return false;
  const request = (spareRequest ??= newRequest());
  const handle = (socket as unknown as { _handle: WritableHandle | null })._handle;
  if (request === null || handle === null || (isList(payload) && !("writev" in handle))) return false;
  const status = hand(handle, request, payload);
  if (status === 0 && request.getAsyncId() === UNUSED) {
    taken();
    return true;
  }
  spareRequest = undefined;
  request.handle = handle;
  request.callback = taken;
  request.async = true;
  request.buffer = payload;
  // Otherwise Node calls it, when the kernel has taken the rest.
  if (status !== 0) request.oncomplete(status);
  return true;
}

function hand(handle: WritableHandle, request: WriteRequest, payload: Payload): number {
  if (typeof payload === "string") return handle.writeUtf8String(request, payload);
  if (!isList(payload)) return handle.writeBuffer(request, payload);
  if (payload.every((part) => typeof part !== "string")) return handle.writev(request, payload, true);
  const parts = payload.flatMap((part) => [part, typeof part === "string" ? "utf8" : "buffer"]);
  return handle.writev(request, parts, false);
}

function isList(payload: Payload): payload is Exclude<Payload, string | Uint8Array> {
  return typeof payload !== "string" && !(payload instanceof Uint8Array);
}

/** A request as Node makes it: seen on its way to a handle that is not one. */
function newRequest(): WriteRequest | null {
  let seen: WriteRequest | null = null;
  const handle = {
    writeBuffer(request: WriteRequest | null) {
      seen = request;
      return 0;
    },
  };
  const options = { handle, manualStart: true };
  try {
    const socket = new Socket(options as SocketConstructorOpts);
    socket._write(Buffer.alloc(1), "buffer" as BufferEncoding, () => undefined);
    return isUnused(seen) ? seen : null;
  } catch {
    return null;
  }
}

function isUnused(request: WriteRequest | null): boolean {
  return request?.getAsyncId() === UNUSED && typeof request.oncomplete === "function";
}
