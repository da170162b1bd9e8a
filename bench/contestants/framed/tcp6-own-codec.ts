import { framed } from "../../../src/index.js";
import { serveTcp6 } from "../tcp6-server.js";
import { count } from "./count.js";
import { codec } from "./own-codec.js";

await serveTcp6(async (connection) => {
  for await (const message of framed(connection, codec)) count(message);
  await connection.close();
});
