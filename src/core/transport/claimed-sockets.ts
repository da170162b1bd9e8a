/**
 * The sockets of a server that a program has claimed. A server that closes waits for all sockets in its count, so these
 * leave it; its `maxConnections` is about all that are open, so these are counted here.
 */
import type { Socket } from "node:net";

const CLAIMED = Symbol("tcp6.claimed");

/** The parts of a server that keep its count of connections. */
export interface CountingServer {
  _connections?: number;
  _emitCloseIfDrained?(): void;
  [CLAIMED]?: Set<Socket>;
}

interface CountedSocket extends Omit<Socket, "server"> {
  /** Whose count its close takes it out of, and whose count `child.send()` does. */
  _server?: CountingServer | null;
  server?: CountingServer | null;
  /** Among which claimed sockets it is. */
  [CLAIMED]?: Set<Socket>;
}

/** Takes a socket out of its server's count, which would otherwise wait for it to close. */
export function claim(accepted: Socket): void {
  const counted = accepted as unknown as CountedSocket;
  const server = counted._server;
  if (accepted.destroyed || typeof server?._connections !== "number") return;
  server._connections--;
  counted._server = counted.server = null;
  counted[CLAIMED] = claimedOf(server);
  counted[CLAIMED].add(accepted);
  // It may be closing, and have waited for this one only.
  server._emitCloseIfDrained?.();
}

function claimedOf(server: CountingServer): Set<Socket> {
  const claimed = server[CLAIMED] ?? new Set();
  server[CLAIMED] = claimed;
  return claimed;
}

/** How many claimed sockets of a server are open in this process. */
export function countClaimed(server: CountingServer): number {
  return server[CLAIMED]?.size ?? 0;
}

/** Forgets the claimed sockets that another process has been sent; one that closes is forgotten by {@link leave}. */
export function forgetSent(server: CountingServer): void {
  for (const socket of server[CLAIMED] ?? []) {
    if ((socket as { _handle?: unknown })._handle == null) server[CLAIMED]?.delete(socket);
  }
}

/** A socket has closed: it is among the claimed ones no more. */
export function leave(socket: Socket): void {
  (socket as unknown as CountedSocket)[CLAIMED]?.delete(socket);
}

/** Has {@link leave} called when a socket closes that is somebody else's from now on, if it is among the claimed ones. */
export function leaveWhenClosed(socket: Socket): void {
  if ((socket as unknown as CountedSocket)[CLAIMED] !== undefined) socket.once("close", onClose);
}

function onClose(this: Socket): void {
  leave(this);
}
