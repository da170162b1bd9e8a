import { serveNet } from "../net-server.js";
import { replyTo } from "./reply.js";

serveNet((socket) => {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    socket.cork();
    for (const line of lines) socket.write(replyTo(line.endsWith("\r") ? line.slice(0, -1) : line));
    socket.uncork();
  });
});
