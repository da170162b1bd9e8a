/**
 * The network: the only module that connects sockets, makes servers or asks for the addresses of a name. Everything else
 * asks `network`, so that another can take its place for a while: one that a test has made, or one in memory.
 */
import dns, { ADDRCONFIG, ALL, lookup, V4MAPPED, type LookupAddress } from "node:dns";
import { createServer, type Server, type ServerOpts, type Socket, type SocketConnectOpts } from "node:net";
import { constants } from "node:os";
import { Addresses, type LocalEnd, type RemoteEnd } from "../address/addresses.js";
import type { AddressInfo } from "../address/endpoint.js";
import { newSocket, transportOf } from "./transport/kernel.js";
import { resetSocket } from "./transport/reset-socket.js";
import { guardBinding } from "./transport/node-internals.js";
import type { Transport } from "./transport/transport.js";

/** What can be connected to: an address, or the path of a Unix socket. */
export type Candidate = AddressInfo | { readonly path: string };

/** What a lookup is asked for: every address, in the order that the process asks for. */
export interface LookupRequest {
  /** All addresses are wanted, not the first alone. */
  all: true;
  /** Absent: both. */
  family?: 4 | 6;
  /** The flags of the call to `resolve`. Absent: none. */
  hints?: number;
  /** Node's `--dns-result-order`, or what `dns.setDefaultResultOrder` has set; the resolver's own order by default. */
  order: "verbatim" | "ipv4first" | "ipv6first";
  /** Whether that is the resolver's own, for lookups that do not know `order`. */
  verbatim: boolean;
  /** Aborted once no call waits for the answer: a lookup that can stop should stop then. */
  signal: AbortSignal;
}

/** What a lookup calls back with. */
export type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  addresses: string | LookupAddress | readonly (string | LookupAddress)[],
  family?: number,
) => void;

/** Where connections, servers and addresses come from. The functions are called without `this`. */
export interface Network {
  /**
   * Connects to one address. Calls `connected` with a transport that is not read yet, or `failed`; if `connected` throws,
   * the transport is destroyed and `failed` called. The function that is returned gives up: neither is called then, and
   * nothing stays behind.
   */
  readonly connect: (
    to: Candidate,
    from: LocalEnd,
    connected: (transport: Transport, addresses: Addresses) => void,
    failed: (cause: unknown) => void,
  ) => () => void;
  /**
   * A server that does not listen yet. That of another network than the system's need not be one of Node's: it has the methods
   * `listen`, `address`, `close`, `ref` and `unref` and the events of one, and its `'connection'` gives a `TransportStream`.
   */
  readonly createServer: (options: ServerOpts) => Server;
  /** Asks for the addresses of a name. */
  readonly lookup: (name: string, request: LookupRequest, callback: LookupCallback) => void;
}

/** The network of this machine. */
export const systemNetwork: Network = {
  connect: connectSocket,
  createServer: (options) => createServer(options),
  lookup: (name, request, callback) => lookup(name, request, callback),
};

/** The network of this thread. */
export let network = systemNetwork;

/** Has another network used by all calls that begin from now on. */
export function useNetwork(other: Network): void {
  network = other;
}

/** The flags that {@link LookupRequest.hints} is made of. A function: `node:dns` is loaded when a name needs it. */
export function lookupHints(): number {
  return ADDRCONFIG | ALL | V4MAPPED;
}

/** The order that the process wants, where the runtime can tell. */
export function resultOrder(): LookupRequest["order"] {
  const { getDefaultResultOrder } = dns as Partial<typeof dns>;
  return getDefaultResultOrder?.() ?? "verbatim";
}

function connectSocket(...[to, from, connected, failed]: Parameters<Network["connect"]>): () => void {
  const socket = newSocket();
  const onError = (cause: unknown): void => {
    socket.off("connect", onConnect);
    failed(cause);
  };
  const onConnect = (): void => {
    const addresses = new Addresses(peerOf(socket, to), socket);
    if (isConnectedToItself(addresses)) {
      onError(connectedToItself());
      resetSocket(socket);
      return;
    }
    try {
      connected(transportOf(socket), addresses);
      socket.off("error", onError);
    } catch (error) {
      onError(error);
      socket.destroy();
    }
  };
  socket.once("error", onError);
  socket.once("connect", onConnect);
  try {
    socket.connect(socketOptionsOf(to, from));
    if (from.localAddress !== undefined || from.localPort !== undefined) {
      guardBinding(socket, (cause) => socket.destroy(cause as Error));
    }
  } catch (error) {
    onError(error);
    socket.destroy();
  }
  return () => {
    // The listener to its errors stays: one may be on its way.
    socket.off("connect", onConnect);
    socket.destroy();
  };
}

/**
 * Where the peer is. An IPv4 address has one notation, so the kernel would answer with what it was given, and is not asked;
 * but `0.0.0.0` stands for another address.
 */
function peerOf(connected: Socket, to: Candidate): RemoteEnd {
  if ("path" in to || to.family !== 4 || to.address === "0.0.0.0") return connected;
  return { remoteAddress: to.address, remotePort: to.port };
}

/**
 * Whether the peer is the socket itself. The kernel may give a socket, as its local port, the very port that it connects
 * to, if no listener has it. TCP then connects the socket to itself (RFC 9293, section 3.5: simultaneous open).
 */
function isConnectedToItself({ localPort, remotePort, localAddress, remoteAddress }: Addresses): boolean {
  return localPort !== undefined && localPort === remotePort && localAddress === remoteAddress;
}

/** The error of the kernel for a port that no listener has. */
function connectedToItself(): Error {
  const message = "connect ECONNREFUSED: no listener has this port, the socket was connected to itself";
  const errno = -constants.errno.ECONNREFUSED;
  return Object.assign(new Error(message), { code: "ECONNREFUSED", errno, syscall: "connect" });
}

function socketOptionsOf(to: Candidate, { localAddress, localPort }: LocalEnd): SocketConnectOpts {
  if ("path" in to) return to;
  return {
    host: to.address,
    port: to.port,
    family: to.family,
    // Node's own race ends each attempt after a fixed time, so a slow link would never connect.
    autoSelectFamily: false,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(localPort === undefined ? {} : { localPort }),
  };
}
