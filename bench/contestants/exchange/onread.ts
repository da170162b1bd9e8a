import { serveOnread } from "../onread-server.js";
import { answerTo } from "./response.js";

serveOnread((socket, size) => {
  socket.write(answerTo(size));
  return true;
});
