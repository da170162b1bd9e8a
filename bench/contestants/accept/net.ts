import { serveNet } from "../net-server.js";
import { answerTo } from "./response.js";

serveNet((socket) => {
  socket.on("data", (request: Buffer) => socket.end(answerTo(request.length)));
});
