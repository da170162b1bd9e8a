import { channel } from "node:diagnostics_channel";
import type { AddressInfo } from "../address/endpoint.js";

/** What all events of one call to `connect` or `connectTo` have. Times are in ms. */
export interface DialEvent {
  /** The same in all events of one call, and in no others of this process. */
  readonly id: number;
  /** The host as the caller gave it, where there was one. */
  readonly host?: string | undefined;
  /** How long ago the call began. */
  readonly elapsed: number;
}

/** `tcp6:lookup`: a name was looked up, or could not be. */
export interface LookupEvent extends DialEvent {
  readonly addresses?: readonly AddressInfo[];
  readonly error?: unknown;
}

/** `tcp6:attempt:start`, `:fail`, `:lose` and `:win`: what became of one address. */
export interface AttemptEvent extends DialEvent {
  /** A literal address, or the path of a Unix socket; then there is no port and no family. */
  readonly address: string;
  readonly port?: number | undefined;
  readonly family?: 4 | 6 | undefined;
  /** Of an attempt that has ended: how long it took. */
  readonly duration?: number;
  /** Of one that failed: why. */
  readonly error?: unknown;
}

/** Where the events of connecting are published (https://nodejs.org/api/diagnostics_channel.html). */
export const channels = {
  lookup: channel("tcp6:lookup"),
  start: channel("tcp6:attempt:start"),
  fail: channel("tcp6:attempt:fail"),
  lose: channel("tcp6:attempt:lose"),
  win: channel("tcp6:attempt:win"),
} as const;

let calls = 0;

/** A number for the next call. */
export function nextId(): number {
  return ++calls;
}
