import type { ListenOptions as ServerListenOptions, Server, Socket } from "node:net";
import type { LocalEnd } from "../address/addresses.js";
import { normalAddress } from "../address/endpoint.js";
import { UNSPECIFIED } from "../address/resolve.js";
import { network } from "../core/network.js";
import { waitWithin } from "../core/timing/bounded.js";
import { makeSocketsOf } from "../core/transport/accepted-sockets.js";
import { guardListening } from "../core/transport/node-internals.js";
import { translated, type Subject } from "../errors.js";
import { applyTo } from "../options/connection.js";
import type { ListenOptions } from "../options/listen.js";
import type { Pipeline } from "./arrival.js";

/** The default of Node and of most servers. CHICKEN's 10 overflows while an event loop is busy for 100 ms. */
export const DEFAULT_BACKLOG = 511;

/** Resolves to a server that is listening. Its clients go through `pipeline`, which is closed with the server. */
export async function openServer(
  where: ServerListenOptions,
  subject: Subject,
  pipeline: Pipeline,
  options: ListenOptions,
): Promise<Server> {
  const { signal, backlog = DEFAULT_BACKLOG } = options;
  const server = network.createServer({ allowHalfOpen: true, pauseOnConnect: true });
  /** The address that all clients of this server connect to, if there is only one. */
  let local: LocalEnd | undefined;
  server.on("connection", (socket: Socket & { server?: Server }) => {
    applyTo(socket, options);
    pipeline.arrive(socket, socket.server === server ? local : undefined);
  });
  await waitWithin<undefined>("listen", subject, { signal }, (resolve, reject) => {
    const failed = (cause: unknown): void => reject(translated("listen", subject, cause));
    server.once("error", failed);
    // Without a host Node binds at once, otherwise from a callback.
    const release = guardListening(server, failed);
    try {
      // With a backlog of 0 Node would use its own default.
      server.listen({ ...where, backlog: Math.max(backlog, 1) }, () => {
        release();
        makeSocketsOf(server);
        // The socket of a descriptor may take connections to any address (IP_TRANSPARENT).
        if (!("fd" in where)) local = oneAddressOf(server);
        resolve(undefined);
      });
    } catch (error) {
      failed(error);
    }
    return () => server.close();
  });
  // Node could not accept a client, for lack of descriptors for example. The listener goes on.
  server.removeAllListeners("error").on("error", () => pipeline.queue.dropped++);
  const close = server.close.bind(server);
  // The program may call this as well. Node's server closes when its clients have: those in the queue are reset.
  server.close = (callback) => {
    pipeline.close();
    return close(callback);
  };
  return server;
}

/** The address that every client connects to; `undefined` if there may be several. */
function oneAddressOf(server: Server): LocalEnd | undefined {
  const bound = server.address();
  if (bound === null || typeof bound === "string") return undefined;
  const isAny = UNSPECIFIED.includes(normalAddress(bound.address));
  return isAny ? undefined : { localAddress: bound.address, localPort: bound.port };
}
