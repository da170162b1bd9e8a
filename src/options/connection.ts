import { checkBoolean, checkSize, checkTimeout, wrongType } from "./checks.js";
import { checkedOptions, schemaOf } from "./schema.js";
import { makerHere } from "../core/forgotten.js";
import type { LinkSettings } from "../core/link.js";
import type { Settable } from "../core/transport/transport.js";
import { getParameters } from "../parameters.js";

/** Below a second, Node would tell the kernel 0 s, which it refuses in silence. */
const SHORTEST_KEEPALIVE = 1_000;

/** The kernel's own bound: 32 767 s (MAX_TCP_KEEPIDLE, see tcp(7)). */
const LONGEST_KEEPALIVE = 32_767_000;

/** Captured when a connection is made. What is not given comes from the parameters in force then. */
export interface ConnectionOptions {
  /** Most ms that a read waits for more bytes: 60 000 by default; `Infinity`: for ever; `0`: not at all. */
  readTimeout?: number | undefined;
  /**
   * Most ms that a write waits for the kernel to take more bytes: 60 000 by default; `Infinity`: for ever; `0`: not at
   * all. The kernel takes up to 1.7 MB at a time, so a peer that is slower than that in this time can strike it.
   */
  writeTimeout?: number | undefined;
  /** Bytes that writes gather before they are sent; `0`, the default: each is sent at once. */
  bufferSize?: number | undefined;
  /** Sends small writes without waiting for earlier ones to be acknowledged; `true` by default. */
  noDelay?: boolean | undefined;
  /** Has the kernel ask an idle peer if it is still there; a number: after that many ms, a second at least. */
  keepAlive?: boolean | number | undefined;
}

/** The options of a connection, wherever it comes from. */
export const CONNECTION = schemaOf<ConnectionOptions>({
  readTimeout: checkTimeout,
  writeTimeout: checkTimeout,
  bufferSize: checkSize,
  noDelay: checkBoolean,
  keepAlive: checkKeepAlive,
});

/** The options of `Connection.from` as they are at the call, checked. */
export function checkedConnectionOptions(given: ConnectionOptions): ConnectionOptions {
  return checkedOptions(
    given,
    CONNECTION,
    ({ readTimeout, writeTimeout, bufferSize, noDelay, keepAlive }) => ({
      readTimeout,
      writeTimeout,
      bufferSize,
      noDelay,
      keepAlive,
    }),
  );
}

function checkKeepAlive(name: string, value: unknown): void {
  if (typeof value === "number") checkTimeout(name, value);
  else if (typeof value !== "boolean") throw wrongType(name, "a boolean or a number of milliseconds", value);
}

interface DetachOptions {
  allowHalfOpen?: boolean | undefined;
}

const DETACH = schemaOf<DetachOptions>({ allowHalfOpen: checkBoolean });

/** The option of `detach`, checked. */
export function halfOpenOf(given: unknown): boolean | undefined {
  return checkedOptions(given, DETACH, ({ allowHalfOpen }) => ({ allowHalfOpen })).allowHalfOpen;
}

/** What a connection made now captures. */
export function settingsOf(options: ConnectionOptions): LinkSettings {
  const { readTimeout, writeTimeout, bufferSize } = options;
  if (readTimeout !== undefined && writeTimeout !== undefined && bufferSize !== undefined) {
    return { readTimeout, writeTimeout, bufferSize, maker: makerHere() };
  }
  const parameters = getParameters();
  return {
    readTimeout: readTimeout ?? parameters.readTimeout,
    writeTimeout: writeTimeout ?? parameters.writeTimeout,
    bufferSize: bufferSize ?? parameters.bufferSize,
    maker: makerHere(),
  };
}

/** Tells a socket what the options say of it. One that cannot be told is gone already: its connection says so. */
export function applyTo(socket: Settable, { noDelay = true, keepAlive }: ConnectionOptions): void {
  try {
    if (noDelay) socket.setNoDelay?.(true);
    if (keepAlive !== undefined) setKeepAlive(socket, keepAlive);
  } catch {
    // Node ignores what the kernel says of these; other runtimes throw it.
  }
}

/** Sets or clears SO_KEEPALIVE; `true`: with the system's own delay, two hours as a rule. */
export function setKeepAlive(socket: Settable, keepAlive: boolean | number): void {
  socket.setKeepAlive?.(keepAlive !== false, typeof keepAlive === "number" ? keptWithin(keepAlive) : 0);
}

function keptWithin(delay: number): number {
  return Math.min(Math.max(delay, SHORTEST_KEEPALIVE), LONGEST_KEEPALIVE);
}
