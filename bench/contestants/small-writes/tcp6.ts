import { tally } from "../../stage.js";
import { serveTcp6 } from "../tcp6-server.js";

const [count, bufferSize] = process.argv.slice(2).map(Number) as [number, number];
const chunk = Buffer.alloc(16, "tcp6");

await serveTcp6(
  async (connection) => {
    for (let left = count; left > 0; left -= 1) {
      await connection.write(chunk);
      tally.operations += 1;
    }
    await connection.close();
  },
  { bufferSize },
);
