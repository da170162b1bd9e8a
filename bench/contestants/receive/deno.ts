import { tally } from "../../stage.js";
import { serveDeno } from "../deno.js";

await serveDeno(async (conn) => {
  const buffer = new Uint8Array(64 * 1024);
  for (let size = await conn.read(buffer); size !== null; size = await conn.read(buffer)) {
    tally.operations += size;
  }
});
