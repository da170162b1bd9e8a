import { checkBoolean, checkLimit, checkSignal, checkSize, checkTimeout } from "./checks.js";
import { checkKeepAlive, copyOfKeepAlive, setKeepAlive, type KeepAliveOptions } from "./keep-alive.js";
import { checkedOptions, schemaOf, type Complete } from "./schema.js";
import { makerHere } from "../core/forgotten.js";
import type { Inherited, LinkSettings } from "../core/link-settings.js";
import { READ_AHEAD_BYTES } from "../core/reading/input.js";
import type { Settable } from "../core/transport/transport.js";
import { getParameters } from "../parameters.js";

/** What a connection captures when it is made. Options that are not given come from the parameters in force then. */
export interface ConnectionOptions {
  /**
   * Most milliseconds that a read waits for more bytes. `Infinity`: forever. `0`: a read takes what is here and never
   * waits. Each wait is bounded anew: a peer that sends a byte now and then never exceeds it.
   *
   * @default the parameter `readTimeout`, 60_000
   * @example await connect("example.com", 80, { readTimeout: 5_000 });
   */
  readTimeout?: number | undefined;
  /**
   * Most milliseconds that a write waits for the kernel to take more bytes. `Infinity`: forever. `0`: it never waits. The
   * kernel takes up to 1.7 MB at a time, so a peer that needs longer than this for that much makes the write fail.
   *
   * @default the parameter `writeTimeout`, 60_000
   * @example await connect("example.com", 80, { writeTimeout: 5_000 });
   */
  writeTimeout?: number | undefined;
  /**
   * Most milliseconds that `close()` waits for the peer's end of stream, once all is sent; what arrives meanwhile is
   * discarded. `Infinity`: as long as the peer takes. `0`: it waits for nothing. That is no reset, but bytes that the peer
   * sends and nothing reads can make the kernel send one, and the peer may lose what was sent to it last.
   *
   * @default the parameter `lingerTimeout`, 2_000
   * @example await connect("example.com", 80, { lingerTimeout: 500 });
   */
  lingerTimeout?: number | undefined;
  /**
   * Bytes that writes gather before the connection sends them; `flush()` and a read that waits send them earlier. `0`:
   * each write is sent at once.
   *
   * @default the parameter `bufferSize`, 0
   * @example await connect("example.com", 80, { bufferSize: 4_096 });
   */
  bufferSize?: number | undefined;
  /**
   * Whether writes that the program makes in one go are sent together, in one call of the kernel (`writev`), as soon as its
   * code has run: in a `process.nextTick`, or before that once they have 64 KiB. Nothing is copied, and each write settles
   * when the kernel has taken all that it was sent with. Small writes that are not awaited one by one cost less than half
   * then; a write that is awaited by itself costs more. A read that waits, `flush()`, `closeWrite()`, `close()`, `detach()`
   * and a write with `timeout: 0` send at once; `reset()` drops. A write that times out or is aborted before it is sent
   * leaves the queue (`error.written === "nothing"`); the others are sent to their end (`"partly"`). Memory that is written
   * must stay as it is until its write has settled. `false`: each write is sent at once.
   *
   * Node.js recommends the same for `uncork()`: https://nodejs.org/api/stream.html#writableuncork
   *
   * @default false
   * @example await connect("example.com", 80, { autoCork: true });
   */
  autoCork?: boolean | undefined;
  /**
   * Bytes that the connection reads while no read waits. Once as many are unread it stops reading, so that the kernel's
   * receive window fills and the peer has to wait; as many bytes as the kernel gives at once, 64 KiB as a rule, may be unread
   * beyond that. `Infinity`: it never stops, and a peer that sends faster than the program reads fills the memory.
   *
   * `0`: it takes nothing from the kernel unless a read waits, so that a socket can be passed to another process with
   * nothing lost. The peer's end, or its reset, is then not noticed before a read waits, a write fails or the connection is
   * closed; and a read with `timeout: 0` gets only what an earlier read has left. An adopted stream that is no socket of the
   * kernel's may have read ahead by itself.
   *
   * @default 65_536
   * @example await listen(8_080, { readAhead: 0 });
   */
  readAhead?: number | undefined;
  /**
   * Whether the kernel sends a small write at once (TCP_NODELAY), or waits until the peer has acknowledged earlier ones.
   *
   * @default true
   * @example await connect("example.com", 80, { noDelay: false });
   */
  noDelay?: boolean | undefined;
  /**
   * Whether the kernel asks an idle peer if it is still there (SO_KEEPALIVE). A number: milliseconds of silence before it
   * first asks, from 1_000 up to 32_767_000, to which other numbers are moved. `true`: after the system's own delay, two
   * hours as a rule. An object says also how often it asks, and when it gives up, where the runtime can set that; elsewhere
   * the call fails with a `TypeError` `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM`.
   *
   * @default false; an adopted socket stays as it is
   * @example await connect("example.com", 80, { keepAlive: { delay: 30_000, interval: 5_000, count: 3 } });
   */
  keepAlive?: boolean | number | KeepAliveOptions | undefined;
  /**
   * Resets the connection when it is aborted, as `reset()` does, at any time until the connection is over. A `connect` that
   * is under way rejects with the signal's reason. A connection that is made with a signal that was aborted before is reset
   * already. Any number of connections may have the same signal; they are reset in the order in which they were made. A
   * signal that is never aborted keeps no connection in memory.
   *
   * @default nothing but the program and the peer ends the connection
   * @example await connect("example.com", 80, { closeOn: shutdown.signal });
   */
  closeOn?: AbortSignal | undefined;
  /**
   * Whether a TLS peer may end its side by ending TCP alone, without TLS's close_notify (RFC 8446, section 6.1). `false`:
   * anybody on the way can end TCP, so such an end is a failure. All that has arrived is read first, and then reads and
   * `closed` reject with `ERR_TLS_TRUNCATED`. `true`: it is an end of the stream like any other, for peers that never send
   * close_notify and a protocol that tells by itself what is whole. It has no effect without TLS.
   *
   * @default false
   * @example Connection.from(tlsSocket, { allowTruncation: true });
   */
  allowTruncation?: boolean | undefined;
}

/** Why there is no `allowHalfOpen`, which `net` has. */
export const ENDS_APART = "the two sides of a connection always end apart, closeWrite() ends ours";

/** The options of a connection, wherever it comes from. */
export const CONNECTION = schemaOf<ConnectionOptions>(
  {
    readTimeout: checkTimeout,
    writeTimeout: checkTimeout,
    lingerTimeout: checkTimeout,
    bufferSize: checkSize,
    autoCork: checkBoolean,
    readAhead: checkLimit,
    noDelay: checkBoolean,
    keepAlive: checkKeepAlive,
    closeOn: checkSignal,
    allowTruncation: checkBoolean,
  },
  { elsewhere: { tls: "connection.startTls() begins TLS on a connection that is there" } },
);

/** The options of `Connection.from` as they are at the call, checked. */
export function checkedConnectionOptions(given: ConnectionOptions): ConnectionOptions {
  return checkedOptions(given, CONNECTION, copyOfConnectionOptions);
}

export function copyOfConnectionOptions(given: ConnectionOptions): Complete<ConnectionOptions> {
  const { readTimeout, writeTimeout, lingerTimeout, bufferSize, autoCork, readAhead } = given;
  const { noDelay, keepAlive, closeOn, allowTruncation } = given;
  return {
    readTimeout,
    writeTimeout,
    lingerTimeout,
    bufferSize,
    autoCork,
    readAhead,
    noDelay,
    keepAlive: copyOfKeepAlive(keepAlive),
    closeOn,
    allowTruncation,
  };
}

interface DetachOptions {
  allowHalfOpen?: boolean | undefined;
}

const DETACH = schemaOf<DetachOptions>({ allowHalfOpen: checkBoolean });

/** The option of `detach`, checked. */
export function halfOpenOf(given: unknown): boolean | undefined {
  return checkedOptions(given, DETACH, ({ allowHalfOpen }) => ({ allowHalfOpen })).allowHalfOpen;
}

/** What a connection made now captures; `host`: the name that the program has connected to. */
export function settingsOf(options: ConnectionOptions, host?: string): LinkSettings {
  const parameters = getParameters();
  return {
    readTimeout: options.readTimeout ?? parameters.readTimeout,
    writeTimeout: options.writeTimeout ?? parameters.writeTimeout,
    lingerTimeout: options.lingerTimeout ?? parameters.lingerTimeout,
    bufferSize: options.bufferSize ?? parameters.bufferSize,
    autoCork: options.autoCork ?? false,
    readAhead: options.readAhead ?? READ_AHEAD_BYTES,
    inherited: inheritedOf(options, host),
    maker: makerHere(),
  };
}

function inheritedOf(
  { closeOn, allowTruncation = false }: ConnectionOptions,
  host?: string,
): Inherited | null {
  const isNothing = closeOn === undefined && !allowTruncation && host === undefined;
  return isNothing ? null : { closeOn, allowTruncation, host };
}

/** Tells a socket what the options say of it. One that cannot be told is gone already: its connection says so. */
export function applyTo(socket: Settable, { noDelay = true, keepAlive }: ConnectionOptions): void {
  try {
    // Also if it is off: an adopted socket may have it on.
    socket.setNoDelay?.(noDelay);
    if (keepAlive !== undefined) setKeepAlive(socket, keepAlive);
  } catch {
    // Node ignores what the kernel says of these; other runtimes throw it.
  }
}
