import { createServer, type ListenOptions as ServerListenOptions, type Server, type Socket } from "node:net";
import type { LocalEnd } from "../address/addresses.js";
import { normalAddress } from "../address/endpoint.js";
import { UNSPECIFIED } from "../address/resolve.js";
import { waited } from "../core/timing/bounded.js";
import { makeSocketsOf } from "../core/transport/accepted-sockets.js";
import { guardListening } from "../core/transport/node-internals.js";
import { translated, type Subject } from "../errors.js";
import { applyTo } from "../options/connection.js";
import type { ListenOptions } from "../options/listen.js";
import type { Pipeline } from "./arrival.js";

/** The default of Node and of most servers. CHICKEN has 10: clients overflow that while the event loop is busy for 100 ms. */
export const DEFAULT_BACKLOG = 511;

/** Resolves to a server that is listening: its clients go through `pipeline`, and closing it closes that. */
export async function openServer(
  where: ServerListenOptions,
  subject: Subject,
  pipeline: Pipeline,
  options: ListenOptions,
): Promise<Server> {
  const { signal, backlog = DEFAULT_BACKLOG } = options;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  /** Where all clients arrive, if it is one address; but for those that another server hands to this one. */
  let ours: LocalEnd | undefined;
  server.on("connection", (socket: Socket & { server?: Server }) => {
    applyTo(socket, options);
    pipeline.arrive(socket, socket.server === server ? ours : undefined);
  });
  await waited<undefined>("listen", subject, { signal }, (resolve, reject) => {
    const failed = (cause: unknown): void => reject(translated("listen", subject, cause));
    server.once("error", failed);
    // Node binds at once where there is no host, otherwise from a callback.
    const release = guardListening(server, failed);
    try {
      // Node takes a backlog of 0 for its own default.
      server.listen({ ...where, backlog: Math.max(backlog, 1) }, () => {
        release();
        makeSocketsOf(server);
        // A descriptor may be of a socket that takes connections to any address (IP_TRANSPARENT).
        if (!("fd" in where)) ours = oneAddressOf(server);
        resolve(undefined);
      });
    } catch (error) {
      failed(error);
    }
    return () => server.close();
  });
  // Accepting failed, for lack of descriptors, say: that client is gone, the listener is not.
  server.removeAllListeners("error").on("error", () => pipeline.queue.dropped++);
  const close = server.close.bind(server);
  // Also when the program calls it: Node's server waits for its clients, so those that nobody has claimed have to go.
  server.close = (callback) => {
    pipeline.close();
    return close(callback);
  };
  return server;
}

/** The address that every client connects to, unless there may be several. */
function oneAddressOf(server: Server): LocalEnd | undefined {
  const bound = server.address();
  if (bound === null || typeof bound === "string") return undefined;
  const isAny = UNSPECIFIED.includes(normalAddress(bound.address));
  return isAny ? undefined : { localAddress: bound.address, localPort: bound.port };
}
