import { createServer, Socket, type SocketConstructorOpts } from "node:net";
import { onStage } from "../stage.js";
import { portOf } from "./net-server.js";

/** Undocumented: the handle of an accepted socket, and that a socket can be made of one. */
interface WithHandle {
  _handle: unknown;
}

/** All sockets read into it, one after the other. */
const buffer = Buffer.allocUnsafe(64 * 1024);

/**
 * Puts a server on stage that reads with `onread`, Node's documented way to read into memory of one's own: the least that
 * reading through `net.Socket` can cost. A server makes its sockets without it, so their handles move into our own.
 */
export function serveOnread(take: (socket: Socket, size: number) => unknown): void {
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
    const shell = accepted as unknown as WithHandle;
    const handle = shell._handle;
    shell._handle = null;
    accepted.destroy();
    const socket: Socket = new Socket({
      handle,
      readable: true,
      writable: true,
      onread: {
        buffer,
        callback: (size: number) => {
          take(socket, size);
          return true;
        },
      },
    } as SocketConstructorOpts);
    socket.on("error", () => undefined);
    // The end is seen by reading; there is nothing else to be read.
    socket.resume();
  });
  server.listen(0, "127.0.0.1", () => onStage({ port: portOf(server) }));
}
