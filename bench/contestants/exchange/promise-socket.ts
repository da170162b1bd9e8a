import type { Socket } from "node:net";
import { PromiseSocket } from "promise-socket";
import { serveNet } from "../net-server.js";
import { answerTo } from "./response.js";

async function serve(socket: Socket): Promise<void> {
  const connection = new PromiseSocket(socket);
  for (;;) {
    const request = await connection.read();
    if (request === undefined) break;
    await connection.write(answerTo(request.length));
  }
  await connection.end();
}

serveNet((socket) => void serve(socket).catch(() => undefined));
