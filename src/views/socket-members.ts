/** What the members of a `net.Socket` come to, for the Duplexes that stand in for one. */
import type { Buffer } from "node:buffer";
import type { AddressInfo, SocketReadyState } from "node:net";
import process from "node:process";
import type { Duplex } from "node:stream";
import { familyOf } from "../address/endpoint.js";
import { LONGEST_TIMER_MS } from "../core/timing/clock.js";
import { outOfRange, wrongType } from "../options/checks.js";

/** A chunk that was written and waits for its turn. */
export interface Queued {
  readonly chunk: Buffer;
}

/** The chunks in a Writable's queue. The property is not documented, and not every runtime has it. */
export function queueOf(stream: Duplex): readonly Queued[] {
  return (stream as { writableBuffer?: readonly Queued[] }).writableBuffer ?? [];
}

/** Which sides of a socket that has connected are open. */
export function readyStateOf(stream: Duplex): SocketReadyState {
  if (stream.readable) return stream.writable ? "open" : "readOnly";
  return stream.writable ? "writeOnly" : "closed";
}

/** Ends the writing side, and destroys the stream when all is sent. */
export function destroyWhenFinished(stream: Duplex): void {
  if (stream.writable) stream.end();
  if (stream.writableFinished) stream.destroy();
  else stream.once("finish", () => stream.destroy());
}

/** `"IPv4"` or `"IPv6"`; `undefined` where there is no address. */
export function familyName(address: string | undefined): string | undefined {
  const family = familyOf(address ?? "");
  return family === 0 ? undefined : `IPv${String(family)}`;
}

/** What `address()` returns: our own end, or `{}` where there is none. */
export function addressOf(socket: {
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly localFamily: string | undefined;
}): AddressInfo | Record<string, never> {
  const { localAddress: address, localPort: port, localFamily: family } = socket;
  if (address === undefined || port === undefined || family === undefined) return {};
  return { address, family, port };
}

/** The ms that a timer takes for those that a program gives; they are checked as Node's own timers do it. */
export function checkedDuration(ms: unknown): number {
  if (typeof ms !== "number") throw wrongType("ms", "a number of milliseconds", ms);
  if (!(ms >= 0 && ms < Infinity)) throw outOfRange("ms", "a finite number of milliseconds, 0 or more", ms);
  if (ms <= LONGEST_TIMER_MS) return ms;
  const text = `${String(ms)} ms are more than a timer can have, and were cut to ${String(LONGEST_TIMER_MS)}`;
  process.emitWarning(text, "TimeoutOverflowWarning");
  return LONGEST_TIMER_MS;
}
