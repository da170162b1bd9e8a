import { once } from "node:events";
import type { Socket } from "node:net";
import { serveNet } from "../net-server.js";
import { answerTo } from "./response.js";

async function serve(socket: Socket): Promise<void> {
  for await (const request of socket as AsyncIterable<Buffer>) {
    if (!socket.write(answerTo(request.length))) await once(socket, "drain");
  }
}

serveNet((socket) => void serve(socket).catch(() => undefined));
