import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";
import { chunk } from "./chunk.js";

const [bytes] = process.argv.slice(2).map(Number) as [number];

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
