import { once } from "node:events";
import { tally } from "../../stage.js";
import { serveTcp6 } from "../tcp6-server.js";

await serveTcp6(async (connection) => {
  connection.duplex.on("data", (chunk: Buffer) => {
    tally.operations += chunk.length;
  });
  await once(connection.duplex, "end");
  await connection.close();
});
