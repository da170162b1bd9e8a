import { serveDeno } from "../deno.js";
import { answerTo } from "./response.js";

await serveDeno(async (conn) => {
  const buffer = new Uint8Array(16 * 1024);
  for (let size = await conn.read(buffer); size !== null; size = await conn.read(buffer)) {
    await conn.write(answerTo(size));
  }
});
