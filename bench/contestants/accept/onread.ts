import { serveOnread } from "../onread-server.js";
import { answerTo } from "./response.js";

serveOnread((socket, size) => {
  socket.end(answerTo(size));
  return true;
});
