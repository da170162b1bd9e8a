import type { Socket } from "node:net";
import { subjectOf, type Addresses } from "../address/addresses.js";
import { connectionOver, type Connection } from "../connection.js";
import type { LinkSettings } from "../core/link.js";
import { claim } from "../core/transport/claimed-sockets.js";
import { resetSocket, takeOver } from "../core/transport/kernel.js";
import type { Transport } from "../core/transport/transport.js";

/** A client that no call has accepted yet. */
export interface Arrival {
  /** The socket that the kernel has accepted. */
  readonly socket: Socket;
  /** Read at the arrival, since a socket whose client has left has none. */
  readonly addresses: Addresses;
  /** What was put over the socket on its way here; `null`: nothing was, and its bytes are still in the kernel. */
  readonly transport: Transport | null;
}

/** A call that waits for a client. */
export interface Claim {
  /** What the connection captures: as things were when the call was made. */
  readonly settings: LinkSettings;
  accept(connection: Connection): void;
  listenerClosed(): void;
}

/** Brings clients and those who wait for them together, first come, first served on both sides. */
export class AcceptQueue {
  /** Clients that were turned away. */
  dropped = 0;
  /** Nobody comes any more. */
  closed = false;

  readonly #backlog: number;
  readonly #path: string | undefined;
  /** Of these two, one at least is empty. */
  readonly #arrivals: Arrival[] = [];
  readonly #claims = new Set<Claim>();

  /** Takes out the clients that are closed already. */
  readonly #forget = (): void => {
    const open = this.#arrivals.filter(({ socket }) => !socket.destroyed);
    this.#arrivals.splice(0, Infinity, ...open);
  };

  /** At most `backlog` clients wait; `path`: what the errors of a Unix socket's connections name. */
  constructor(backlog: number, path: string | undefined) {
    this.#backlog = backlog;
    this.#path = path;
  }

  /** Clients that wait. */
  get pending(): number {
    return this.#arrivals.length;
  }

  /** Whether there is a place, or a call that waits, for one more client beside those here and so many `coming`. */
  hasRoom(coming: number): boolean {
    return !this.closed && this.#arrivals.length + coming < this.#backlog + this.#claims.size;
  }

  /** A client is ready. */
  put(arrival: Arrival): void {
    const [first] = this.#claims;
    if (first !== undefined) {
      this.#claims.delete(first);
      first.accept(this.#establish(arrival, first.settings));
    } else if (this.hasRoom(0)) {
      arrival.socket.on("error", ignore);
      // The program may turn one away itself, at the server's own events.
      arrival.socket.on("close", this.#forget);
      this.#arrivals.push(arrival);
    } else {
      this.drop(arrival);
    }
  }

  /** Turns away a client for whom there is no room. */
  drop(arrival: Arrival): void {
    if (!this.closed) this.dropped++;
    resetClient(arrival);
  }

  /** The client that has waited longest, if any waits. */
  take(settings: LinkSettings): Connection | undefined {
    let arrival = this.#arrivals.shift();
    while (arrival?.socket.destroyed === true) arrival = this.#arrivals.shift();
    return arrival === undefined ? undefined : this.#establish(arrival, settings);
  }

  /** Waits for the next client. */
  wait(claim: Claim): void {
    this.#claims.add(claim);
  }

  /** Waits no longer. */
  leave(claim: Claim): void {
    this.#claims.delete(claim);
  }

  /** Tells all who wait that nothing comes any more, and turns away the clients that wait. */
  close(): void {
    this.closed = true;
    for (const claim of this.#claims) claim.listenerClosed();
    this.#claims.clear();
    this.#arrivals.forEach(resetClient);
    this.#arrivals.length = 0;
  }

  #establish({ socket, addresses, transport }: Arrival, settings: LinkSettings): Connection {
    socket.off("error", ignore);
    socket.off("close", this.#forget);
    if (transport !== null) claim(socket);
    const subject = subjectOf(addresses, this.#path);
    return connectionOver(transport ?? takeOver(socket), addresses, settings, subject);
  }
}

/** Resets a client. */
export function resetClient({ socket, transport }: Arrival): void {
  socket.on("error", ignore);
  resetSocket(socket);
  transport?.reset();
}

/** Listens to the errors of a client that no call has accepted: its failure is of no interest to the program. */
export function ignore(): void {
  // Closing is all that follows.
}
