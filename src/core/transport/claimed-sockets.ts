/**
 * The sockets of a server that a program has claimed. A server that closes waits for all sockets in its count, so these
 * leave it; its `maxConnections` is about all that are open, so these are counted here.
 */
import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Members, type Member } from "../members.js";
import { clock } from "../timing/clock.js";
import { hasHandle } from "./node-internals.js";
import { TransportStream } from "./transport-stream.js";
import { closeIfDrained, connectionsOf, leaveCount } from "./server-internals.js";

const CLAIMED = Symbol("tcp6.claimed");

/** A server has its claimed sockets that are open. */
interface ClaimingServer {
  [CLAIMED]?: Members<Socket>;
}

/** Each of these knows its place among them. */
interface ClaimedSocket {
  [CLAIMED]?: Member<Socket>;
}

/** Takes a socket out of its server's count, which would otherwise wait for it to close. */
export function claim(accepted: Socket): void {
  if (accepted.destroyed) return;
  const counting = leaveCount(accepted);
  const server = counting ?? (accepted as { server?: Server | null }).server;
  if (server == null) return;
  // The program may have detached it, and given it to a server again.
  leave(accepted);
  (accepted as ClaimedSocket)[CLAIMED] = claimedOf(server).add(accepted);
  // The server may be closing, and have waited for this socket alone.
  if (counting !== null) closeIfDrained(counting);
}

/** Calls `act` when a server has closed, which claimed sockets do not hold up. */
export function onceClosed(server: Server, act: () => void): void {
  server.once("close", act);
  if (connectionsOf(server) !== undefined) return;
  // The event of the server waits for the claimed sockets too, which cannot leave the count. The port is free before.
  const close = server.close.bind(server);
  server.close = (callback) => {
    clock.setImmediate(act);
    return close(callback);
  };
}

function claimedOf(server: ClaimingServer): Members<Socket> {
  const claimed = server[CLAIMED] ?? new Members<Socket>();
  server[CLAIMED] = claimed;
  return claimed;
}

/** How many claimed sockets of a server are open, or were sent to another process and not forgotten by {@link forgetSent}. */
export function countClaimed(server: object): number {
  return (server as ClaimingServer)[CLAIMED]?.size ?? 0;
}

/** Forgets the claimed sockets that another process has been sent; one that closes is forgotten by {@link leave}. */
export function forgetSent(server: object): void {
  for (const socket of (server as ClaimingServer)[CLAIMED]?.values ?? []) {
    const isSent = !hasHandle(socket) && !((socket as Duplex) instanceof TransportStream);
    if (isSent) leave(socket);
  }
}

/** Forgets a claimed socket that has closed. */
export function leave(socket: Socket): void {
  (socket as ClaimedSocket)[CLAIMED]?.leave();
}

/** Calls {@link leave} when a handed-over socket closes, if it is among the claimed ones. */
export function leaveWhenClosed(socket: Socket): void {
  if ((socket as ClaimedSocket)[CLAIMED] !== undefined) socket.once("close", onClose);
}

function onClose(this: Socket): void {
  leave(this);
}
