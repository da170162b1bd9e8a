import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

/** How many writes there are, how many of them a turn makes, and whether they are gathered (1) or not (0). */
const [count, together, corks] = process.argv.slice(2).map(Number) as [number, number, number];
const chunk = Buffer.alloc(100, "tcp6");

serveNet((socket) => {
  let left = count;
  function turn(): void {
    if (left <= 0) {
      socket.end();
      return;
    }
    left -= together;
    tally.operations += together;
    if (corks === 1) socket.cork();
    for (let n = 1; n < together; n++) socket.write(chunk);
    socket.write(chunk, turn);
    if (corks === 1) socket.uncork();
  }
  turn();
});
