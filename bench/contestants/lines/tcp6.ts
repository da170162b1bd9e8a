import { serveTcp6 } from "../tcp6-server.js";
import { replyTo } from "./reply.js";

await serveTcp6(
  async (connection) => {
    for await (const line of connection.lines()) await connection.write(replyTo(line));
    await connection.close();
  },
  { bufferSize: 16 * 1024 },
);
