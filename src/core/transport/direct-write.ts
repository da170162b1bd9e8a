/**
 * Writes without an object for each.
 *
 * Up to Node 25 every write of a socket makes a request, an object of C++: a third of what a small write costs outside the
 * kernel. It is needed only for what the kernel does not take at once. So one that was not needed is used for the next
 * write, of whichever socket. Node 26 makes requests only when they are needed, and is left to do so.
 */
import type { Socket } from "node:net";
import type { Payload } from "../bytes/payload.js";
import {
  isUnused,
  newWriteRequest,
  writableHandleOf,
  type WritableHandle,
  type WriteRequest,
} from "./node-internals.js";
import type { Taken } from "./transport.js";

/** A request that no write is under way with; `null` where there is no such thing. */
let spareRequest: WriteRequest | null | undefined;

/** Sends a payload; `taken` is called as by the socket's own method. Answers `false`, and has done nothing, where that must do it. */
export function writeDirectly(socket: Socket, payload: Payload, taken: Taken): boolean {
  // Node's own method also knows how to wait for a connection, and keeps a timeout of the socket from striking.
  if (spareRequest === null || socket.connecting || socket.timeout) return false;
  const request = (spareRequest ??= newWriteRequest());
  const handle = writableHandleOf(socket);
  if (request === null || handle === null || (isList(payload) && !("writev" in handle))) return false;
  const status = hand(handle, request, payload);
  if (status === 0 && isUnused(request)) {
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
