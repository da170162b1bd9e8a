/**
 * The sockets that a server accepts. Only the constructor of a socket takes the option `onread`, and `net.Server` calls that
 * constructor itself. So the function that the server's handle calls for each client is ours, and makes the socket.
 */
import { channel } from "node:diagnostics_channel";
import { isIP, type BlockList, type Server } from "node:net";
import { countClaimed, forgetSent } from "./claimed-sockets.js";
import { newSocket } from "./kernel.js";
import { readsDirectly, type Handle } from "./node-internals.js";
import {
  addConnections,
  closeIfDrained,
  connectionsOf,
  enterCount,
  peerAddressOf,
  takeClients,
} from "./server-internals.js";

/** Where Node tells of every socket that a server has accepted. */
const accepted = channel("net.server.socket");

/** What some releases' servers have as well. */
type AcceptingServer = Omit<Server, "maxConnections"> & {
  readonly maxConnections?: number;
  readonly blockList?: BlockList | null;
};

/**
 * Makes the sockets of a server that listens: they read into memory of ours, and read nothing before they are claimed.
 * Where this is not possible, or a client is to be turned away, Node's own function accepts.
 */
export function makeSocketsOf(server: Server): void {
  const accept = (status: number, client: Handle | undefined): boolean => {
    if (status !== 0 || !readsDirectly(client) || !hasRoom(server) || isBlocked(server, client)) return false;
    const socket = newSocket(client);
    enterCount(server, socket);
    server.emit("connection", socket);
    if (accepted.hasSubscribers) accepted.publish({ socket });
    return true;
  };
  takeClients(server, accept, (asNode) => acceptAsNode(server, asNode));
}

/** Whether a server takes one more client: those that it has are all that are open, claimed or not. */
function hasRoom(server: Server): boolean {
  const { maxConnections } = server as AcceptingServer;
  if (maxConnections == null) return true;
  if (openConnections(server) >= maxConnections) forgetSent(server);
  return openConnections(server) < maxConnections;
}

function openConnections(server: Server): number {
  return (connectionsOf(server) ?? 0) + countClaimed(server);
}

function isBlocked(server: AcceptingServer, client: Handle): boolean {
  if (server.blockList == null) return false;
  const address = peerAddressOf(client) ?? "";
  const family = isIP(address);
  return family !== 0 && server.blockList.check(address, family === 6 ? "ipv6" : "ipv4");
}

/** Has Node accept a client, or turn it away, while all the server's open sockets are in its count. */
function acceptAsNode(server: Server, accept: () => void): void {
  const claimed = countClaimed(server);
  addConnections(server, claimed);
  try {
    accept();
  } finally {
    addConnections(server, -claimed);
    // A server that was closed meanwhile waits for the claimed sockets, which were in its count.
    if (claimed > 0 && !server.listening) closeIfDrained(server);
  }
}
