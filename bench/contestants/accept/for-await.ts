import type { Socket } from "node:net";
import { serveNet } from "../net-server.js";
import { answerTo } from "./response.js";

async function serve(socket: Socket): Promise<void> {
  for await (const request of socket as AsyncIterable<Buffer>) socket.end(answerTo(request.length));
}

serveNet((socket) => void serve(socket).catch(() => undefined));
