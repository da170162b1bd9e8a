import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

const [bytes] = process.argv.slice(2).map(Number) as [number];
const chunk = Buffer.alloc(64 * 1024, "tcp6");

serveNet((socket) => {
  let left = bytes;
  function pump(): void {
    while (left > 0) {
      left -= chunk.length;
      tally.operations += chunk.length;
      if (!socket.write(chunk)) return;
    }
    socket.end();
  }
  socket.on("drain", pump);
  pump();
});
