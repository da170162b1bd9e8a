import { tally } from "../../stage.js";
import { serveTcp6 } from "../tcp6-server.js";

const [bytes] = process.argv.slice(2).map(Number) as [number];
const chunk = Buffer.alloc(64 * 1024, "tcp6");

await serveTcp6(async (connection) => {
  for (let left = bytes; left > 0; left -= chunk.length) {
    await connection.write(chunk);
    tally.operations += chunk.length;
  }
  await connection.close();
});
