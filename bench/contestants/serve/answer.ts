import type { Connection } from "../../../src/index.js";
import { answerTo } from "../accept/response.js";

/** Answers the one request of a connection. */
export async function answer(connection: Connection): Promise<void> {
  const request = await connection.read();
  if (request !== null) await connection.write(answerTo(request.length));
}
