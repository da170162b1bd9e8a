/**
 * What Node does not document of its servers, and this library uses: the handles of clients, and the count of connections.
 * The capabilities are in the table of node-internals.ts.
 */
import { Buffer } from "node:buffer";
import type { Server, Socket } from "node:net";
import type { Server as TlsServer } from "node:tls";
import { guard } from "./guard.js";
import { handleOf, has, type Handle } from "./node-internals.js";

interface ListeningHandle extends Handle {
  onconnection?: (this: unknown, status: number, client: Handle | undefined) => void;
}

interface CountingServer {
  _connections?: number;
  _emitCloseIfDrained?(): void;
}

interface CountedSocket {
  /** Whose count its close takes it out of, and whose count `child.send()` does. */
  _server?: object | null;
  server?: object | null;
}

/** What a server of a cluster's worker gives the primary, which gives it to the servers of the other workers. */
interface SharingServer {
  _getServerData?(): TicketKeys;
  _setServerData?(data: TicketKeys | null | undefined): void;
}

interface TicketKeys {
  /** In hexadecimal digits, as Node's own TLS servers have them. */
  readonly ticketKeys: string;
}

/** Has the workers of a cluster use the ticket keys of that one which listens first, as those with TLS servers of Node's do. */
export function shareTicketKeys(listening: Server, tls: TlsServer): void {
  if (!has("sharesTicketKeys")) return;
  const sharing = listening as SharingServer;
  sharing._getServerData = () => ({ ticketKeys: tls.getTicketKeys().toString("hex") });
  sharing._setServerData = (data) => {
    if (typeof data?.ticketKeys === "string") tls.setTicketKeys(Buffer.from(data.ticketKeys, "hex"));
  };
}

/**
 * Calls `caught` with what a server throws when it binds: Node binds at once where there is no host, otherwise from a
 * callback. The function that is returned gives the server its own method back.
 */
export function guardListening(server: Server, caught: (cause: unknown) => unknown): () => void {
  return has("catchesRefusedBinds") ? guard(server, "_listen2", caught) : () => undefined;
}

/**
 * Calls `accept` for each client of a server that listens. If that answers `false`, Node accepts the client in its own way,
 * from within `asNode`. A server whose handle has no such callback is left as it is.
 */
export function takeClients(
  server: Server,
  accept: (status: number, client: Handle | undefined) => boolean,
  asNode: (accept: () => void) => void,
): void {
  const handle = handleOf(server) as ListeningHandle | null | undefined;
  const original = handle?.onconnection;
  if (handle == null || typeof original !== "function") return;
  if (connectionsOf(server) === undefined) return;
  handle.onconnection = function (status, client) {
    if (!accept(status, client)) asNode(() => original.call(this, status, client));
  };
}

/**
 * Gives a server a client that came to another one, or the error in its place. Answers `false`, and has done nothing, if the
 * server has no handle, or there is neither: on Deno, a server asks its own handle for the client.
 */
export function giveClient(server: Server, status: number, client: Handle | undefined): boolean {
  const handle = handleOf(server) as ListeningHandle | null | undefined;
  if ((status === 0 && client === undefined) || typeof handle?.onconnection !== "function") return false;
  handle.onconnection(status, client);
  return true;
}

/** The address of a client, if it has one. */
export function peerAddressOf(client: Handle): string | undefined {
  const peer: { address?: string } = {};
  client.getpeername?.(peer);
  return peer.address;
}

/** The connections in a server's count, if that can be changed. */
export function connectionsOf(server: object): number | undefined {
  const { _connections: connections } = server as CountingServer;
  return has("acceptsHandles") && typeof connections === "number" ? connections : undefined;
}

/** Changes a server's count of connections, if it has one. */
export function addConnections(server: object, change: number): void {
  (server as { _connections: number })._connections += change;
}

/** Puts a socket into a server's count, until it closes. */
export function enterCount(server: Server, accepted: Socket): void {
  addConnections(server, 1);
  const counted = accepted as CountedSocket;
  counted.server = counted._server = server;
}

/** Takes a socket out of its server's count. Answers the server, if there was a count. */
export function leaveCount(accepted: Socket): object | null {
  const counted = accepted as CountedSocket;
  const server = counted._server;
  if (server == null || connectionsOf(server) === undefined) return null;
  addConnections(server, -1);
  counted._server = counted.server = null;
  return server;
}

/** A server that closes may have waited for a socket that left its count. */
export function closeIfDrained(server: object): void {
  (server as CountingServer)._emitCloseIfDrained?.();
}
