import { Addresses } from "../address/addresses.js";
import { connectionOver, type Connection } from "../connection.js";
import { CAPACITY_BYTES, memoryTransports } from "../core/transport/memory.js";
import type { ConnectionOrigin } from "../diagnostics.js";
import { checkSize, outOfRange } from "../options/checks.js";
import {
  CONNECTION,
  copyOfConnectionOptions,
  settingsOf,
  type ConnectionOptions,
} from "../options/connection.js";
import { checkedOptions, schemaOf, type Complete } from "../options/schema.js";

/** The options of {@link memoryPair}: those of a connection, which both ends have, and the capacity between them. */
export interface MemoryPairOptions extends ConnectionOptions {
  /**
   * Most bytes on their way in each direction, as in a kernel's socket buffers. An end that has sent as many waits until the
   * other end reads; what that end has read ahead (`readAhead`) no longer counts. From 1; `Infinity`: writes never wait.
   *
   * @default 65_536
   * @example const [client, server] = memoryPair({ capacity: 1 });
   */
  capacity?: number | undefined;
}

const MEMORY_PAIR = schemaOf<MemoryPairOptions>(
  { ...CONNECTION.checks, capacity: checkCapacity },
  CONNECTION,
);

/** How errors and `toString()` name both ends: they have no addresses. */
const SUBJECT = { text: "memory" };

/**
 * Returns the two ends of a connection in memory, connected with each other: no network, no descriptor and no stream is
 * between them. Everything else is as with the two sockets of a TCP connection on one machine: bytes arrive in a later turn
 * of the event loop, what is sent beyond the `capacity` waits for the reader, each side ends by itself, and a reset fails
 * the reads and writes of the peer with `ECONNRESET` and `EPIPE`.
 *
 * Both ends are made with the same options; those that are about the kernel (`noDelay`, `keepAlive`) are checked and have no
 * effect. An end has no addresses and no `fd`, its `toString()` is `"memory"`, and its `socket` is the Duplex that `duplex`
 * gives. Like other streams, and unlike sockets, an end keeps the process alive only while a call waits. Diagnostics
 * channels see the first as `"connect"` and the second as `"accept"`.
 *
 * @throws TypeError or RangeError for wrong options
 *
 * @example
 * const [client, server] = memoryPair({ readTimeout: 100 });
 * await client.writeLine("PING");
 * console.log(await server.readLine());
 */
export function memoryPair(options: MemoryPairOptions = {}): [Connection, Connection] {
  const { capacity = CAPACITY_BYTES, ...rest } = checkedOptions(options, MEMORY_PAIR, copyOf);
  const [near, far] = memoryTransports(capacity);
  const end = (origin: ConnectionOrigin, transport: typeof near): Connection =>
    connectionOver(origin, transport, new Addresses({}), settingsOf(rest), SUBJECT);
  return [end("connect", near), end("accept", far)];
}

function copyOf(given: MemoryPairOptions): Complete<MemoryPairOptions> {
  return { ...copyOfConnectionOptions(given), capacity: given.capacity };
}

function checkCapacity(name: string, value: unknown): void {
  if (value === Infinity) return;
  checkSize(name, value);
  if (value === 0) throw outOfRange(name, "a whole number, 1 or more, or Infinity", value);
}
