import type { Socket } from "node:net";
import { Addresses, subjectOf, type LocalEnd } from "../address/addresses.js";
import { connectionOver, type Connection } from "../connection.js";
import type { LinkSettings } from "../core/link.js";
import { resetSocket, takeOver } from "../core/transport/kernel.js";

/** A client that nobody has claimed: nothing is read from it, so its bytes stay in the kernel. */
interface Arrival {
  readonly socket: Socket;
  /** As they were at the arrival: a client that has left again has none. */
  readonly addresses: Addresses;
}

/** A call that waits for a client. */
export interface Claim {
  /** What the connection captures: as things were when the call was made. */
  readonly settings: LinkSettings;
  accept(connection: Connection): void;
  closed(): void;
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

  /** A client has come, to `ours` if that is known. */
  arrive(socket: Socket, ours?: LocalEnd): void {
    if (this.closed) {
      turnAway(socket);
      return;
    }
    const arrival = { socket, addresses: new Addresses(socket, ours) };
    const [claim] = this.#claims;
    if (claim !== undefined) {
      this.#claims.delete(claim);
      claim.accept(this.#establish(arrival, claim.settings));
    } else if (this.#arrivals.length < this.#backlog) {
      socket.on("error", ignore);
      // The program may turn one away itself, at the server's own events.
      socket.on("close", this.#forget);
      this.#arrivals.push(arrival);
    } else {
      this.dropped++;
      turnAway(socket);
    }
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
    for (const claim of this.#claims) claim.closed();
    this.#claims.clear();
    for (const { socket } of this.#arrivals) turnAway(socket);
    this.#arrivals.length = 0;
  }

  #establish({ socket, addresses }: Arrival, settings: LinkSettings): Connection {
    socket.off("error", ignore);
    socket.off("close", this.#forget);
    return connectionOver(takeOver(socket), addresses, settings, subjectOf(addresses, this.#path));
  }
}

function turnAway(socket: Socket): void {
  socket.on("error", ignore);
  resetSocket(socket);
}

function ignore(): void {
  // A client that fails before anybody wanted it is nobody's failure.
}
