import { tally } from "../../stage.js";
import { serveTcp6 } from "../tcp6-server.js";

await serveTcp6(async (connection) => {
  const target = new Uint8Array(64 * 1024);
  for (;;) {
    const size = await connection.readInto(target);
    if (size === null) break;
    tally.operations += size;
  }
  await connection.close();
});
