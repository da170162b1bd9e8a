import { once } from "node:events";
import { createServer } from "node:net";
import { opening } from "./opening.js";

opening(async () => {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
});
