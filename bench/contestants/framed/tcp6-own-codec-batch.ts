import { framed } from "../../../src/index.js";
import { serveTcp6 } from "../tcp6-server.js";
import { count } from "./count.js";
import { codec } from "./own-codec.js";

await serveTcp6(async (connection) => {
  for await (const messages of framed(connection, codec, { batch: true })) {
    for (const message of messages) count(message);
  }
  await connection.close();
});
