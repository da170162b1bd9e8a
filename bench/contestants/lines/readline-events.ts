import { createInterface } from "node:readline";
import { serveNet } from "../net-server.js";
import { replyTo } from "./reply.js";

serveNet((socket) => {
  createInterface({ input: socket, crlfDelay: Infinity })
    .on("line", (line) => {
      socket.write(replyTo(line));
    })
    // It passes on those of the socket.
    .on("error", () => undefined);
});
