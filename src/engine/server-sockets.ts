/**
 * The sockets that a server accepts. `onread` is an option of a constructor, and `net.Server` calls that itself; so
 * what its handle calls for each client is ours, and makes them.
 */
import { channel } from "node:diagnostics_channel";
import type { Server, Socket } from "node:net";
import { newSocket, readsDirectly } from "./socket-transport.js";
import { handleOf, type Handle } from "./stream-socket.js";

/** Where Node tells of every socket that a server has accepted. */
const accepted = channel("net.server.socket");

/** What Node's own function for new clients uses of a server, or asks it. */
type AcceptingServer = Omit<Server, "maxConnections"> & {
  readonly maxConnections?: number;
  readonly blockList?: unknown;
  _connections: number;
};

interface AcceptedSocket extends Socket {
  server: AcceptingServer;
  _server: AcceptingServer;
}

interface ListeningHandle extends Handle {
  onconnection?: (this: unknown, status: number, client: Handle) => void;
}

/**
 * Has a server that listens make sockets that can be read into memory of ours, and are not until somebody wants them.
 * Where Node is not as we know it, or has to choose among clients, its own way remains.
 */
export function makeSocketsOf(listening: Server): void {
  const server: AcceptingServer = listening as never;
  const handle = handleOf(server) as ListeningHandle | null | undefined;
  const original = handle?.onconnection;
  if (handle == null || typeof original !== "function" || typeof server._connections !== "number") return;
  handle.onconnection = function (status, client) {
    const chooses = server.maxConnections != null || server.blockList != null;
    if (status !== 0 || chooses || !readsDirectly(client)) {
      original.call(this, status, client);
      return;
    }
    const socket = newSocket(client) as AcceptedSocket;
    server._connections++;
    socket.server = socket._server = server;
    server.emit("connection", socket);
    if (accepted.hasSubscribers) accepted.publish({ socket });
  };
}
