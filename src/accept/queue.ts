import type { Socket } from "node:net";
import { subjectOf, type Addresses } from "../address/addresses.js";
import { connectionOver, type Connection } from "../connection.js";
import type { LinkSettings } from "../core/link-settings.js";
import { Members, type Member } from "../core/members.js";
import { clock } from "../core/timing/clock.js";
import { claim, leaveWhenClosed } from "../core/transport/claimed-sockets.js";
import { takeOverRead } from "../core/transport/adopted-socket.js";
import { takeOver } from "../core/transport/kernel.js";
import { resetSocket } from "../core/transport/reset-socket.js";
import type { Transport } from "../core/transport/transport.js";

/** A client that no call has accepted. */
export interface Arrival {
  /** The socket that the kernel has accepted. */
  readonly socket: Socket;
  /** Read when the client came: a socket has none once its client has left. */
  readonly addresses: Addresses;
  /** What a step has put over the socket; `null` if none has. */
  readonly transport: Transport | null;
  /** Whether a step has read from the socket as a stream, which has what the step has left. Otherwise all is in the kernel. */
  readonly wasRead: boolean;
}

export type Admits = (arrival: Arrival) => boolean;

/** A call that waits for a client. */
export interface Claim {
  /** What the connection captures, read when the call was made. */
  readonly settings: LinkSettings;
  /** Whether the call takes this client; if not, it has turned the client away. `null`: it takes every client. */
  readonly admits: Admits | null;
  accept(connection: Connection): void;
  listenerClosed(): void;
}

/** Brings together the clients that are ready and the calls that wait for one, each in the order in which they came. */
export class AcceptQueue {
  /** How many clients were reset for lack of room, or were lost before they came here. */
  dropped = 0;
  /** How many clients became connections of the program. */
  accepted = 0;
  /** The listener is closed: no client comes any more. */
  closed = false;

  /** Of a Unix socket: what the errors of its connections name. */
  readonly path: string | undefined;

  readonly #backlog: number;
  /** While calls wait this is empty: a client goes to the first of them at once. */
  readonly #arrivals: Arrival[] = [];
  readonly #claims = new Members<Claim>();

  /** Takes out the clients whose sockets are closed. */
  readonly #removeClosed = (): void => {
    const open = this.#arrivals.filter(({ socket }) => !socket.destroyed);
    this.#arrivals.splice(0, Infinity, ...open);
  };

  /** @param backlog - how many clients may wait */
  constructor(backlog: number, path: string | undefined) {
    this.#backlog = backlog;
    this.path = path;
  }

  /** How many clients wait. */
  get pending(): number {
    return this.#arrivals.length;
  }

  /** Whether there is room, or a call that waits, for one client more than those here and the number of those `coming`. */
  hasRoom(coming: number): boolean {
    return !this.closed && this.#arrivals.length + coming < this.#backlog + this.#claims.size;
  }

  /** Gives a client to the first call that waits, or keeps it for the next call. */
  put(arrival: Arrival): void {
    const { first } = this.#claims;
    if (first !== null) {
      const { admits, settings } = first.value;
      if (admits !== null && !admits(arrival)) return;
      first.leave();
      first.value.accept(this.#establish(arrival, settings));
    } else if (this.hasRoom(0)) {
      ignoreErrors(arrival);
      // The program may destroy the socket itself, in a 'connection' listener of the server.
      arrival.socket.on("close", this.#removeClosed);
      this.#arrivals.push(arrival);
    } else {
      this.drop(arrival);
    }
  }

  /** Resets a client for which there is no room. */
  drop(arrival: Arrival): void {
    if (!this.closed) this.dropped++;
    resetClient(arrival);
  }

  /** A connection with the client that has waited longest, if any waits. */
  take(settings: LinkSettings, admits: Admits | null = null): Connection | undefined {
    for (let arrival = this.#arrivals.shift(); arrival !== undefined; arrival = this.#arrivals.shift()) {
      if (arrival.socket.destroyed || (admits !== null && !admits(arrival))) continue;
      return this.#establish(arrival, settings);
    }
    return undefined;
  }

  /** Puts a call last among those that wait for a client. It leaves them when it waits no longer. */
  wait(claim: Claim): Member<Claim> {
    return this.#claims.add(claim);
  }

  /** Ends the calls that wait, and resets the clients. */
  close(): void {
    this.closed = true;
    for (let { first } = this.#claims; first !== null; { first } = this.#claims) {
      first.leave();
      first.value.listenerClosed();
    }
    this.#arrivals.forEach(resetClient);
    this.#arrivals.length = 0;
  }

  #establish(arrival: Arrival, settings: LinkSettings): Connection {
    const { socket, addresses, transport } = arrival;
    socket.off("close", this.#removeClosed);
    socket.off("error", ignore);
    this.accepted++;
    const subject = subjectOf(addresses, this.path);
    const connection = connectionOver("accept", transportOf(arrival), addresses, settings, subject);
    if (transport !== null && transport.stream !== socket) {
      // The errors of the socket beneath are those of the stream, which the connection is told of.
      transport.stream?.off("error", ignore);
      socket.on("error", ignore);
    }
    return connection;
  }
}

/** A transport over the client's socket, which is the program's from now on. */
function transportOf({ socket, transport, wasRead }: Arrival): Transport {
  if (transport === null && !wasRead) return isPristine(socket) ? takeOver(socket) : takeOverRead(socket);
  // The step that has read from it has called `unref()`.
  socket.ref();
  if (transport === null) return takeOverRead(socket);
  claim(socket);
  leaveWhenClosed(socket);
  return transport;
}

/** Whether nothing was read from a socket. Another server, which the program has take clients for this one, may have begun to. */
function isPristine(socket: Socket): boolean {
  return socket.readableLength === 0 && !socket.readableEnded;
}

/** Resets a client. */
export function resetClient(arrival: Arrival): void {
  const { socket, transport } = arrival;
  ignoreErrors(arrival);
  if (transport === null) resetSocket(socket);
  else {
    // TLS may be on the stack, see below.
    clock.setImmediate(() => {
      resetSocket(socket);
      resetTransport(transport);
    });
  }
}

function ignoreErrors({ socket, transport }: Arrival): void {
  socket.on("error", ignore);
  if (transport !== null && transport.stream !== socket) transport.stream?.on("error", ignore);
}

/** Resets a transport over a socket that was reset. To close a TLS socket in the same event is a fault of memory in Node. */
export function resetTransport(transport: Transport | null | undefined): void {
  if (transport != null) clock.setImmediate(() => transport.reset());
}

/** Listens to the errors of a client that no call has accepted: without a listener they would be uncaught. */
export function ignore(): void {
  // The socket closes, and its client is taken out then.
}
