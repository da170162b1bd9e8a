import { serveDeno, type Conn } from "../deno.js";
import { answerTo } from "./response.js";

/** Deno's reads take no timeout: a timer closes the connection. */
async function read(conn: Conn, buffer: Uint8Array): Promise<number | null> {
  const late = setTimeout(() => conn.close(), 30_000);
  try {
    return await conn.read(buffer);
  } finally {
    clearTimeout(late);
  }
}

await serveDeno(async (conn) => {
  const buffer = new Uint8Array(16 * 1024);
  for (let size = await read(conn, buffer); size !== null; size = await read(conn, buffer)) {
    await conn.write(answerTo(size));
  }
});
