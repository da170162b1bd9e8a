import { once } from "node:events";
import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Connection } from "../../src/index.js";

/** What `http` is given of an accepted connection. */
export interface Gift {
  readonly name: string;
  of: (connection: Connection) => Duplex;
}

export const GIFTS: readonly Gift[] = [
  { name: "the detached socket", of: (connection) => connection.detach() },
  { name: "the duplex", of: (connection) => connection.duplex },
];

/** Closes a server; settles when it has closed. */
export async function closed(server: Server): Promise<void> {
  const event = once(server, "close");
  server.close();
  await event;
}
