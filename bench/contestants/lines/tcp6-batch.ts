import { serveTcp6 } from "../tcp6-server.js";
import { replyTo } from "./reply.js";

await serveTcp6(async (connection) => {
  for await (const lines of connection.lines({ batch: true })) {
    let replies = "";
    for (const line of lines) replies += replyTo(line);
    await connection.write(replies);
  }
  await connection.close();
});
