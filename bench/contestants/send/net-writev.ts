import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";
import { chunk } from "./chunk.js";

const [bytes] = process.argv.slice(2).map(Number) as [number];

/** Writes that go out in one `writev`. */
const TOGETHER = 4;

serveNet((socket) => {
  let left = bytes;
  function pump(): void {
    if (left <= 0) {
      socket.end();
      return;
    }
    socket.cork();
    for (let each = 1; each < TOGETHER; each++) socket.write(chunk);
    socket.write(chunk, pump);
    socket.uncork();
    left -= TOGETHER * chunk.length;
    tally.operations += TOGETHER * chunk.length;
  }
  pump();
});
