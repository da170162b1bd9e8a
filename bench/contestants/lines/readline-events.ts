import { createInterface } from "node:readline";
import { serveNet } from "../net-server.js";
import { replyTo } from "./reply.js";

serveNet((socket) => {
  createInterface({ input: socket, crlfDelay: Infinity })
    .on("line", (line) => {
      socket.write(replyTo(line));
    })
    // readline emits the errors of the socket.
    .on("error", () => undefined);
});
