import { serveNet } from "../net-server.js";
import { answerTo } from "./response.js";

// A socket sets its timer anew whenever bytes come or go.
serveNet((socket) => {
  socket.setTimeout(30_000, () => socket.destroy());
  socket.on("data", (request: Buffer) => socket.write(answerTo(request.length)));
});
