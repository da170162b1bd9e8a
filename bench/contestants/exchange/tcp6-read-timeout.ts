import { serveTcp6 } from "../tcp6-server.js";
import { answerTo } from "./response.js";

await serveTcp6(async (connection) => {
  for (;;) {
    const request = await connection.read({ timeout: 30_000 });
    if (request === null) break;
    await connection.write(answerTo(request.length));
  }
  await connection.close();
});
