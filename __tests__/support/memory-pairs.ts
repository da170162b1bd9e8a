import { Addresses } from "../../src/address/addresses.js";
import { connectionOver, type Connection } from "../../src/connection.js";
import { memoryTransports } from "../../src/core/transport/memory.js";
import type { ConnectionOptions } from "../../src/index.js";
import { settingsOf } from "../../src/options/connection.js";

/** Two connections that are connected with each other in memory. */
export function connectedInMemory(options: ConnectionOptions = {}): [Connection, Connection] {
  const [a, b] = memoryTransports().map((transport) =>
    connectionOver("connect", transport, new Addresses({}), settingsOf(options), { text: "memory" }),
  );
  return [a as Connection, b as Connection];
}
