/** What an adopted socket was set to: the options of its connection change that, and it comes back as it was. */
import type { Duplex } from "node:stream";
import { keptSettingsOf } from "./node-internals.js";
import type { Settable } from "./transport.js";

/** What `setNoDelay` and `setKeepAlive` have set; times in ms. */
export interface SocketSettings {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly delay: number;
  /** `undefined` where the release of Node does not know it, as {@link count}. */
  readonly interval: number | undefined;
  readonly count: number | undefined;
}

const remembered = new WeakMap<Duplex, SocketSettings>();

/** Keeps what a stream is set to, if it is a socket. */
export function rememberSettings(stream: Duplex): void {
  const settings = socketSettingsOf(stream);
  if (settings !== null) remembered.set(stream, settings);
}

/** Sets a socket to what it was set to when it was adopted. */
export function restoreSettings(stream: Duplex & Settable): void {
  const before = remembered.get(stream);
  const now = before && socketSettingsOf(stream);
  if (before === undefined || now == null) return;
  remembered.delete(stream);
  if (now.noDelay !== before.noDelay) stream.setNoDelay?.(before.noDelay);
  const { keepAlive, delay, interval, count } = before;
  const isKept = now.keepAlive === keepAlive && now.delay === delay;
  if (isKept && now.interval === interval && now.count === count) return;
  stream.setKeepAlive?.(keepAlive, delay, interval, count);
}

/** What a socket is set to; `null` for what does not tell. */
export function socketSettingsOf(stream: object): SocketSettings | null {
  const kept = keptSettingsOf(stream);
  const noDelay = kept?.get("kSetNoDelay");
  const keepAlive = kept?.get("kSetKeepAlive");
  const delay = msOf(kept?.get("kSetKeepAliveInitialDelay"));
  if (typeof noDelay !== "boolean" || typeof keepAlive !== "boolean" || delay === undefined) return null;
  const interval = msOf(kept?.get("kSetKeepAliveInterval"));
  const count = kept?.get("kSetKeepAliveCount") as number | undefined;
  return { noDelay, keepAlive, delay, interval, count };
}

/** Node keeps times in seconds, as the kernel does. */
function msOf(seconds: unknown): number | undefined {
  return typeof seconds === "number" ? 1_000 * seconds : undefined;
}
