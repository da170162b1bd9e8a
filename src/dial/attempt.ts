import type { Socket, SocketConnectOpts } from "node:net";
import { constants } from "node:os";
import { formatEndpoint, type AddressInfo } from "../address/endpoint.js";
import { bounded, stoppable } from "../core/timing/bounded.js";
import { newSocket, resetSocket } from "../core/transport/kernel.js";
import { guardBinding } from "../core/transport/node-internals.js";
import { translated, type Subject } from "../errors.js";

/** What an attempt can connect to: an address, or the path of a Unix socket. */
export type Candidate = AddressInfo | { readonly path: string };

export interface AttemptOptions<T> {
  /** Most ms for each attempt; `Infinity` by default. */
  readonly attemptTimeout?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  /** Makes what the attempt resolves to. Called in the event in which the socket connects. */
  readonly establish: (socket: Socket, to: Candidate) => T;
  /** Disposes of what was established too late. */
  readonly discard: (late: T) => void;
}

/** Resolves to what `establish` makes of a socket that connects to one address. If it rejects, it leaves no socket behind. */
export function attempt<T>(
  to: Candidate,
  options: AttemptOptions<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const { attemptTimeout: timeout = Infinity, discard } = options;
  if (timeout === Infinity) return open(to, options, signal);
  return bounded("connect", subjectOf(to), { timeout, signal }, (stop) => open(to, options, stop), discard);
}

/** How the errors of an attempt name it. */
export function subjectOf(to: Candidate): Subject {
  if ("path" in to) return { address: to.path, text: to.path };
  return { address: to.address, port: to.port, text: formatEndpoint(to.address, to.port) };
}

function open<T>(to: Candidate, options: AttemptOptions<T>, signal: AbortSignal | undefined): Promise<T> {
  return stoppable<T>(signal, (resolve, reject) => {
    const socket = newSocket();
    const onError = (cause: Error) => {
      socket.off("connect", onConnect);
      reject(translated("connect", subjectOf(to), cause));
    };
    const onConnect = () => {
      if (isConnectedToItself(socket)) {
        onError(connectedToItself());
        resetSocket(socket);
        return;
      }
      try {
        resolve(options.establish(socket, to));
        socket.off("error", onError);
      } catch (error) {
        onError(error as Error);
        socket.destroy();
      }
    };
    socket.once("error", onError);
    socket.once("connect", onConnect);
    try {
      socket.connect(socketOptionsOf(to, options));
      if (options.localAddress !== undefined || options.localPort !== undefined) {
        guardBinding(socket, (cause) => socket.destroy(cause as Error));
      }
    } catch (error) {
      onError(error as Error);
      socket.destroy();
    }
    return () => {
      // The listener to its errors stays: one may be on its way.
      socket.off("connect", onConnect);
      socket.destroy();
    };
  });
}

/**
 * Whether the peer is the socket itself. The kernel may give a socket, as its local port, the very port that it connects
 * to, if no listener has it. TCP then connects the socket to itself (RFC 9293, section 3.5: simultaneous open).
 */
function isConnectedToItself({ localPort, remotePort, localAddress, remoteAddress }: Socket): boolean {
  return localPort !== undefined && localPort === remotePort && localAddress === remoteAddress;
}

/** The error of the kernel for a port that no listener has. */
function connectedToItself(): Error {
  const message = "connect ECONNREFUSED: no listener has this port, the socket was connected to itself";
  const errno = -constants.errno.ECONNREFUSED;
  return Object.assign(new Error(message), { code: "ECONNREFUSED", errno, syscall: "connect" });
}

function socketOptionsOf<T>(
  to: Candidate,
  { localAddress, localPort }: AttemptOptions<T>,
): SocketConnectOpts {
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
