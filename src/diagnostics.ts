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
  readonly addresses?: readonly AddressInfo[];
  readonly error?: unknown;
}

/** An event of `tcp6:attempt:start`, `:fail`, `:lose` or `:win`: one step of the attempt to connect to an address. */
export interface AttemptEvent extends DialEvent {
  /** A literal address; or the path of a Unix socket, which has no port and no family. */
  readonly address: string;
  readonly port?: number | undefined;
  readonly family?: 4 | 6 | undefined;
  /** How long the attempt took, if it has ended. */
  readonly duration?: number;
  /** Why the attempt failed, if it did. */
  readonly error?: unknown;
}

/**
 * Why a listener has turned a client away. `"blocked"`: its address is on the `blockList`. `"maxConnections"`: as many
 * connections were open. `"perAddress"`: `serve` had as many of its address. `"handshake"`: its TLS handshake has failed, the client has left in it, or the time for it was up.
 */
export type RefusedReason = "blocked" | "perAddress" | "maxConnections" | "handshake";

/** An event of `tcp6:listener:refused`: a client was turned away before `accept()`. */
export interface RefusedEvent {
  readonly reason: RefusedReason;
  /** The literal address; `undefined` at a Unix socket. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  /**
   * What it has failed with. Operation `"accept"`: `ERR_IP_BLOCKED` if it was blocked, `ERR_LIMIT` if it was one too many.
   * Operation `"tls"`: how its handshake has failed; a `NetTimeoutError` if the time was up.
   */
  readonly error: NetError;
}

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
