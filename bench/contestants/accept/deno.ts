import { serveDeno } from "../deno.js";
import { answerTo } from "./response.js";

await serveDeno(async (conn) => {
  const buffer = new Uint8Array(16 * 1024);
  const size = await conn.read(buffer);
  if (size !== null) await conn.write(answerTo(size));
});
