import type { AddressInfo, Server, ServerOpts, Socket } from "node:net";
import { BACKLOG } from "../backlog.js";
import { over } from "../over.js";
import { onStage } from "../stage.js";

const createServer = await creatorOf();

/**
 * Puts a server of `node:net` on stage, or of `node:tls`. Its sockets have `noDelay`, as tcp6's have, and errors are
 * ignored: a load that hangs up causes them.
 */
export function serveNet(take: (socket: Socket) => void, options: ServerOpts = {}): void {
  const server = createServer({ noDelay: true, ...options }, (socket) => {
    socket.on("error", () => undefined);
    take(socket);
  });
  server.listen({ port: 0, host: "127.0.0.1", backlog: BACKLOG }, () => onStage({ port: portOf(server) }));
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** What is not used is not loaded: it would be in the figures. */
async function creatorOf(): Promise<(options: ServerOpts, take: (socket: Socket) => void) => Server> {
  if (over === "tcp") return (await import("node:net")).createServer;
  const { createServer } = await import("node:tls");
  const { LOCALHOST } = await import("../../__tests__/support/certificates.js");
  return (options, take) => createServer({ ...options, ...LOCALHOST }, take);
}
