import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

serveNet((socket) => {
  socket.on("data", (chunk: Buffer) => {
    tally.operations += chunk.length;
  });
});
