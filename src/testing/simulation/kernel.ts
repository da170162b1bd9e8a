import type { End, Packet } from "./packet.js";
import type { Reachable, Wires } from "./wires.js";

/** One end of a connection, as its host sees it. */
export interface Receiving {
  readonly local: End;
  readonly remote: End;
  /** Whether the system has chosen its address and port in `connect`: no socket can be bound there meanwhile. */
  readonly isAutobound: boolean;
  receive(packet: Packet): void;
  /** Ends it without a word to anybody. */
  vanish(): void;
}

/** A server, as its host sees it. */
export interface Listening {
  /** Whether it has one address, and not all. */
  readonly isExact: boolean;
  /** Whether clients of an address and a port come here. */
  takes(to: End): boolean;
  /** Whether another server cannot listen beside it. */
  conflicts(wanted: End, isDual: boolean): boolean;
  /** A client has begun its handshake. */
  receiveSyn(to: End, from: End): void;
  toString(): string;
}

/** What waits, for the report of a simulation. */
export interface Waiting {
  /** What calls of the program wait for. */
  readonly waits: readonly string[];
}

/** What the connections and servers of a host need of it. */
export interface Kernel extends Reachable {
  readonly wires: Wires;
  /** Connections, by `keyOf`. */
  readonly endpoints: Map<string, Receiving>;
  readonly servers: Set<Listening>;
  /** Attempts to connect. */
  readonly dialling: Set<Waiting>;
  /** Open connections of the program. */
  readonly transports: Set<Waiting>;
  note(event: string): void;
  /** Whether an address is one of this host's own. */
  has(address: string): boolean;
  /** The address from which it connects to another one. */
  addressTowards(address: string): string | undefined;
  /** The server that has an address and a port. */
  serverAt(to: End): Listening | undefined;
  /** A port to connect to `remote` from; `undefined` if all are in use for that. */
  portTowards(address: string, remote: End): number | undefined;
  /** Whether a socket can be bound to an address, or all, and a port. `isDual`: to all of IPv4 as well. */
  canBind(wanted: End, isDual: boolean): boolean;
  /** A port to which a socket can be bound. */
  freePort(address: string, isDual: boolean): number | undefined;
}
