import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

const [count] = process.argv.slice(2).map(Number) as [number];
const chunk = Buffer.alloc(16, "tcp6");

serveNet((socket) => {
  let left = count;
  function next(): void {
    if (left === 0) {
      socket.end();
      return;
    }
    left -= 1;
    tally.operations += 1;
    socket.write(chunk, next);
  }
  next();
});
