import { listen, type Connection } from "../../../src/index.js";
import { onStage } from "../../stage.js";
import { answer } from "./answer.js";

async function handle(connection: Connection): Promise<void> {
  try {
    await answer(connection);
    await connection.close();
  } catch {
    connection.reset();
  }
}

const listener = await listen(0, { host: "127.0.0.1" });
onStage({ port: listener.port });
for await (const connection of listener) void handle(connection);
