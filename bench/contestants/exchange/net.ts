import { serveNet } from "../net-server.js";
import { answerTo } from "./response.js";

serveNet((socket) => {
  socket.on("data", (request: Buffer) => socket.write(answerTo(request.length)));
});
