/**
 * Writes without an object for each.
 *
 * Up to Node 25 every write of a socket makes a request, an object of C++: a third of what a small write costs outside the
 * kernel. The request is needed only if the kernel does not take everything at once. One that was not needed is used for
 * the next write, of any socket. Node 26 makes requests only when they are needed, and writes in its own way.
 */
import type { Socket } from "node:net";
import { isList, type Payload } from "../bytes/payload.js";
import {
  isUnused,
  newWriteRequest,
  writableHandleOf,
  type WritableHandle,
  type WriteRequest,
} from "./node-internals.js";
import { failed, type Outcome, type Taken } from "./outcome.js";

/** A request that no write is under way with; `null` where there is no such thing. */
let spareRequest: WriteRequest | null | undefined;

/** Sends a payload. Answers `null`, and has done nothing, if the socket's own method has to send it. */
export function writeDirectly(socket: Socket, payload: Payload, taken: Taken): Outcome | null {
  // Node's own method also knows how to wait for a connection, and keeps a timeout of the socket from striking.
  if (spareRequest === null || socket.connecting || socket.timeout) return null;
  const request = (spareRequest ??= newWriteRequest());
  const handle = writableHandleOf(socket);
  if (request === null || handle === null || (isList(payload) && !("writev" in handle))) return null;
  const status = hand(handle, request, payload);
  if (status === 0 && isUnused(request)) return "taken";
  spareRequest = undefined;
  request.handle = handle;
  // Node calls it when the kernel has taken the rest.
  request.callback = taken;
  request.buffer = payload;
  return status === 0 ? "pending" : failed(errorOf(request, status));
}

/** The error that Node makes of a status. */
function errorOf(request: WriteRequest, status: number): unknown {
  let made: unknown;
  request.callback = (error) => (made = error);
  request.oncomplete(status);
  return made;
}

function hand(handle: WritableHandle, request: WriteRequest, payload: Payload): number {
  if (typeof payload === "string") return handle.writeUtf8String(request, payload);
  if (!isList(payload)) return handle.writeBuffer(request, payload);
  if (payload.every((part) => typeof part !== "string")) return handle.writev(request, payload, true);
  const parts = payload.flatMap((part) => [part, typeof part === "string" ? "utf8" : "buffer"]);
  return handle.writev(request, parts, false);
}
