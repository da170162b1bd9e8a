import { tally } from "../../stage.js";
import { serveTcp6 } from "../tcp6-server.js";

/** How many writes there are, how many of them a turn makes, and whether they are gathered (1) or not (0). */
const [count, together, corks] = process.argv.slice(2).map(Number) as [number, number, number];
const chunk = Buffer.alloc(100, "tcp6");

await serveTcp6(
  async (connection) => {
    for (let left = count; left > 0; left -= together) {
      for (let n = 1; n < together; n++) void connection.write(chunk);
      await connection.write(chunk);
      tally.operations += together;
    }
    await connection.close();
  },
  { autoCork: corks === 1 },
);
