import { tally } from "../../stage.js";
import { serveTcp6 } from "../tcp6-server.js";

await serveTcp6(async (connection) => {
  for await (const chunk of connection.chunks({ recycle: true })) tally.operations += chunk.length;
  await connection.close();
});
