import type { Socket } from "node:net";
import { onceFinished } from "./finish.js";
import { unsentOf } from "./node-internals.js";

/** Closes a socket with RST where it can: Unix sockets cannot, nor can sockets that have not connected yet. */
export function resetSocket(socket: Socket): void {
  if (socket.pending) socket.destroy();
  // While a FIN is on its way libuv refuses, Node emits an error, and the descriptor leaks.
  else if (!isEnding(socket)) resetNow(socket);
  // A FIN that waits for a peer which takes nothing may never be on its way.
  else if ((unsentOf(socket) ?? 0) > 0) socket.destroy();
  else onceFinished(socket, () => (isEnding(socket) ? socket.destroy() : resetSocket(socket)));
}

function resetNow(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    // A Unix socket's throws ERR_INVALID_HANDLE_TYPE.
    socket.destroy();
  }
}

function isEnding(socket: Socket): boolean {
  return socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
}
