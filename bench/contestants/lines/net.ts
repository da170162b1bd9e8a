import { serveNet } from "../net-server.js";
import { replyTo } from "./reply.js";

serveNet((socket) => {
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    rest += text;
    let replies = "";
    let from = 0;
    for (let end = rest.indexOf("\n"); end !== -1; end = rest.indexOf("\n", from)) {
      const line = rest.slice(from, rest[end - 1] === "\r" ? end - 1 : end);
      from = end + 1;
      replies += replyTo(line);
    }
    rest = rest.slice(from);
    if (replies !== "") socket.write(replies);
  });
});
