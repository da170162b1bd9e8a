import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

const [count] = process.argv.slice(2).map(Number) as [number];
const chunk = Buffer.alloc(16, "tcp6");

serveNet((socket) => {
  let left = count;
  function pump(): void {
    while (left > 0) {
      left -= 1;
      tally.operations += 1;
      if (!socket.write(chunk)) return;
    }
    socket.end();
  }
  socket.on("drain", pump);
  pump();
});
