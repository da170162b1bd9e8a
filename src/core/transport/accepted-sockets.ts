/**
 * The sockets that a server accepts. `onread` is an option of a constructor, and `net.Server` calls that itself; so
 * what its handle calls for each client is ours, and makes them.
 */
import { channel } from "node:diagnostics_channel";
import { isIP, type BlockList, type Server, type Socket } from "node:net";
import { countClaimed, forgetSent } from "./claimed-sockets.js";
import { newSocket, readsDirectly } from "./kernel.js";
import { handleOf, type Handle } from "./stream-socket.js";

/** Where Node tells of every socket that a server has accepted. */
const accepted = channel("net.server.socket");

/** What Node's own function for new clients uses of a server, or asks it. */
interface AcceptingServer extends Omit<Server, "maxConnections"> {
  readonly maxConnections?: number;
  readonly blockList?: BlockList | null;
  _connections: number;
  _emitCloseIfDrained?(): void;
}

interface AcceptedSocket extends Socket {
  server: AcceptingServer;
  _server: AcceptingServer;
}

interface ListeningHandle extends Handle {
  onconnection?: (this: unknown, status: number, client: Handle) => void;
}

/**
 * Has a server that listens make sockets that can be read into memory of ours, and are not until somebody wants them.
 * Where Node is not as we know it, or turns a client away, its own way remains.
 */
export function makeSocketsOf(listening: Server): void {
  const server: AcceptingServer = listening as never;
  const handle = handleOf(server) as ListeningHandle | null | undefined;
  const original = handle?.onconnection;
  if (handle == null || typeof original !== "function" || typeof server._connections !== "number") return;
  handle.onconnection = function (status, client) {
    if (status !== 0 || !readsDirectly(client) || !hasRoom(server) || isBlocked(server, client)) {
      acceptAsNode(server, () => original.call(this, status, client));
      return;
    }
    const socket = newSocket(client) as AcceptedSocket;
    server._connections++;
    socket.server = socket._server = server;
    server.emit("connection", socket);
    if (accepted.hasSubscribers) accepted.publish({ socket });
  };
}

/** Whether a server takes one more client: those that it has are all that are open, claimed or not. */
function hasRoom(server: AcceptingServer): boolean {
  const { maxConnections } = server;
  if (maxConnections == null) return true;
  if (server._connections + countClaimed(server) >= maxConnections) forgetSent(server);
  return server._connections + countClaimed(server) < maxConnections;
}

function isBlocked(server: AcceptingServer, client: Handle): boolean {
  if (server.blockList == null) return false;
  const peer: { address?: string } = {};
  client.getpeername?.(peer);
  const { address = "" } = peer;
  const family = isIP(address);
  return family !== 0 && server.blockList.check(address, family === 6 ? "ipv6" : "ipv4");
}

/** Has Node accept a client, or turn it away, while all the server's open sockets are in its count. */
function acceptAsNode(server: AcceptingServer, accept: () => void): void {
  const claimed = countClaimed(server);
  server._connections += claimed;
  try {
    accept();
  } finally {
    server._connections -= claimed;
    // Closed meanwhile, it took them for clients to wait for.
    if (claimed > 0 && handleOf(server) == null) server._emitCloseIfDrained?.();
  }
}
