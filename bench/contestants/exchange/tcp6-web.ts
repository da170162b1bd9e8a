import { serveTcp6 } from "../tcp6-server.js";
import { answerTo } from "./response.js";

await serveTcp6(async (connection) => {
  const { readable, writable } = connection;
  const writer = writable.getWriter();
  writer.closed.catch(() => undefined);
  for await (const request of readable) await writer.write(answerTo(request.length));
  await connection.close();
});
