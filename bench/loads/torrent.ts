import { createServer, type AddressInfo, type Socket } from "node:net";
import { onStage } from "../stage.js";

/** At least this many bytes are under way to a reader. */
const AHEAD = 1024 * 1024;

function serve(take: (socket: Socket) => void): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      take(socket);
    });
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

/** Sends without end, as fast as it is read. */
function endless(chunk: Buffer): (socket: Socket) => void {
  return (socket) => {
    const pump = () => {
      while (socket.writableLength < AHEAD && !socket.destroyed) socket.write(chunk);
    };
    socket.on("drain", pump);
    pump();
  };
}

const [sink, source, lines] = await Promise.all([
  serve((socket) => socket.resume()),
  serve(endless(Buffer.alloc(256 * 1024, "tcp6"))),
  serve(endless(Buffer.from("GET /some/line HTTP\n".repeat(10_000)))),
]);

onStage({ sink, source, lines });
