import { createServer, Socket, type Server, type SocketConstructorOpts } from "node:net";
import { BACKLOG } from "../backlog.js";
import { onStage } from "../stage.js";
import { portOf } from "./net-server.js";
import { readMemory } from "./read-memory.js";

/** Undocumented: the handle of a server, which gives the handles of its clients. */
interface WithHandle {
  readonly _handle: { onconnection(error: number, handle?: ClientHandle): void };
}

interface ClientHandle {
  setNoDelay(on: boolean): void;
}

/** All sockets read into it, one after the other. */
const buffer = readMemory();

/** Takes how much a socket has read; answers whether it goes on reading. */
export type Take = (socket: Socket, size: number) => boolean;

/**
 * Puts a server on stage that makes one socket of each client's handle and reads with `onread`, Node's documented way to
 * read into memory of one's own: the least that accepting and reading through `net.Socket` can cost.
 */
export function serveOnread(take: Take): void {
  const server = createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: BACKLOG }, () => {
    handleOf(server).onconnection = (_error, handle) => {
      if (handle === undefined) return;
      handle.setNoDelay(true);
      const socket: Socket = new Socket({
        handle,
        readable: true,
        writable: true,
        onread: { buffer, callback: (size: number) => take(socket, size) },
      } as SocketConstructorOpts);
      socket.on("error", () => undefined);
      // The end is seen by reading; there is nothing else to be read.
      socket.resume();
    };
    onStage({ port: portOf(server) });
  });
}

function handleOf(server: Server): WithHandle["_handle"] {
  return (server as unknown as WithHandle)._handle;
}
