import { serveTcp6 } from "../tcp6-server.js";
import { answerTo } from "./response.js";

await serveTcp6(async (connection) => {
  const request = await connection.read();
  if (request !== null) await connection.write(answerTo(request.length));
  await connection.close();
});
