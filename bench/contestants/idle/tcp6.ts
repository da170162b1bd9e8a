import { tally } from "../../stage.js";
import { serveTcp6 } from "../tcp6-server.js";

await serveTcp6(async (connection) => {
  tally.operations += 1;
  for await (const chunk of connection) throw new Error(`${chunk.length} bytes came`);
  await connection.close();
});
