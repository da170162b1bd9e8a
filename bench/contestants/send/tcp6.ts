import { tally } from "../../stage.js";
import { serveTcp6 } from "../tcp6-server.js";
import { chunk } from "./chunk.js";

const [bytes] = process.argv.slice(2).map(Number) as [number];

await serveTcp6(async (connection) => {
  for (let left = bytes; left > 0; left -= chunk.length) {
    await connection.write(chunk);
    tally.operations += chunk.length;
  }
  await connection.close();
});
