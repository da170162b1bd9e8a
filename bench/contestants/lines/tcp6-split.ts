import { serveTcp6 } from "../tcp6-server.js";
import { replyToBytes } from "./reply.js";

await serveTcp6(
  async (connection) => {
    for await (const line of connection.split("\r\n")) await connection.write(replyToBytes(line));
    await connection.close();
  },
  { bufferSize: 16 * 1024 },
);
