import { channel } from "node:diagnostics_channel";
import type { AddressInfo } from "./address/endpoint.js";
import type { NetError } from "./errors.js";

/** The fields that all events of connecting have. Times are in ms. */
export interface DialEvent {
  /** Tells the calls of `connect` and `connectTo` in this process apart. */
  readonly id: number;
  /** The host as the caller gave it, if the caller gave one. */
  readonly host?: string | undefined;
  /** How long the call has taken so far. */
  readonly elapsed: number;
}

/** An event of `tcp6:lookup`: the lookup of a name has succeeded with `addresses`, or failed with `error`. */
export interface LookupEvent extends DialEvent {
  /** What the name stands for, if the lookup has succeeded, in the order of the race. */
  readonly addresses?: readonly AddressInfo[];
  /** Why the lookup failed, if it did. */
  readonly error?: unknown;
}

/** An event of `tcp6:attempt:start`, `:fail`, `:lose` or `:win`: one step of the attempt to connect to an address. */
export interface AttemptEvent extends DialEvent {
  /** A literal address; or the path of a Unix socket, which has no port and no family. */
  readonly address: string;
  /** Its port; `undefined` for a Unix socket. */
  readonly port?: number | undefined;
  /** Its family; `undefined` for a Unix socket. */
  readonly family?: 4 | 6 | undefined;
  /** How long the attempt took, if it has ended. */
  readonly duration?: number;
  /** Why the attempt failed, if it did. */
  readonly error?: unknown;
}

/**
 * Why a listener has turned a client away. `"blocked"`: its address is on the `blockList`. `"maxConnections"`: as many
 * connections were open. `"perAddress"`: `serve` had as many of its address. `"handshake"`: its PROXY header was wrong, its TLS handshake has failed, the client has left in them, or the time for them was up.
 */
export type RefusedReason = "blocked" | "perAddress" | "maxConnections" | "handshake";

/** An event of `tcp6:listener:refused`: a client was turned away before `accept()`. */
export interface RefusedEvent {
  /** Why it was turned away. */
  readonly reason: RefusedReason;
  /** The literal address, as a PROXY header has it if one has been read; `undefined` at a Unix socket. */
  readonly remoteAddress: string | undefined;
  /** Its port; `undefined` at a Unix socket. */
  readonly remotePort: number | undefined;
  /**
   * What it has failed with. Operation `"accept"`: `ERR_IP_BLOCKED` if it was blocked, `ERR_LIMIT` if it was one too many,
   * `ERR_PROXY_PROTOCOL` if its PROXY header was wrong. Operation `"tls"`: how its handshake has failed. A `NetTimeoutError` if
   * the time for either was up.
   */
  readonly error: NetError;
}

/** What has made a connection: `startTls` makes one that takes the place of another. */
export type ConnectionOrigin = "connect" | "accept" | "adopt" | "startTls";

/** An event of `tcp6:connection:open`: a connection is there, whichever end has asked for it. */
export interface ConnectionEvent {
  /** Tells the connections of this process apart: the event of its end has the same. */
  readonly id: number;
  /** `"adopt"`: the program has made it of a stream, by `Connection.from`. */
  readonly origin: ConnectionOrigin;
  /** Both ends, `"127.0.0.1:5000 -> 127.0.0.1:80"`; the path of a Unix socket; what was adopted. */
  readonly name: string;
  /** Our own literal address; `undefined` for a Unix socket. */
  readonly localAddress: string | undefined;
  /** Our own port; `undefined` for a Unix socket. */
  readonly localPort: number | undefined;
  /** The peer's literal address, as `remoteAddress` of the `Connection`; `undefined` for a Unix socket. */
  readonly remoteAddress: string | undefined;
  /** The peer's port; `undefined` for a Unix socket. */
  readonly remotePort: number | undefined;
}

/** An event of `tcp6:connection:close`: a connection is over, and its socket is closed, or was detached. */
export interface ConnectionCloseEvent extends ConnectionEvent {
  /** Bytes that have arrived, read or not. */
  readonly bytesRead: number;
  /** Bytes that the kernel, or the stream beneath, has taken. */
  readonly bytesWritten: number;
  /** How many milliseconds it was open. */
  readonly duration: number;
  /**
   * `"closed"`: in good order. `"reset"`: by `reset()` here, or since nothing could be sent in time. `"failed"`: the peer has
   * reset it, or the network has failed. `"detached"`: the program has its socket, or `startTls` has.
   */
  readonly end: "closed" | "reset" | "failed" | "detached";
  /** What `connection.closed` rejects with, if it does. */
  readonly error?: NetError;
}

/** The channels of each {@link ConnectionEvent} and {@link ConnectionCloseEvent}. */
export const connectionChannels = {
  open: channel("tcp6:connection:open"),
  close: channel("tcp6:connection:close"),
} as const;

/** The channel of each {@link RefusedEvent}. */
export const refusedClients = channel("tcp6:listener:refused");

/** The channels of connecting (https://nodejs.org/api/diagnostics_channel.html). */
export const channels = {
  lookup: channel("tcp6:lookup"),
  start: channel("tcp6:attempt:start"),
  fail: channel("tcp6:attempt:fail"),
  lose: channel("tcp6:attempt:lose"),
  win: channel("tcp6:attempt:win"),
} as const;

let calls = 0;

/** The {@link DialEvent.id} of the next call. */
export function nextId(): number {
  return ++calls;
}
