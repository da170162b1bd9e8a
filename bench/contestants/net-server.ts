import { createServer, type AddressInfo, type Server, type ServerOpts, type Socket } from "node:net";
import { onStage } from "../stage.js";

/**
 * Puts a server of `node:net` on stage. Its sockets have `noDelay`, as tcp6's have, and errors are ignored: a
 * load that hangs up causes them.
 */
export function serveNet(take: (socket: Socket) => void, options: ServerOpts = {}): void {
  const server = createServer({ noDelay: true, ...options }, (socket) => {
    socket.on("error", () => undefined);
    take(socket);
  });
  server.listen(0, "127.0.0.1", () => onStage({ port: portOf(server) }));
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
