import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { serveNet } from "../net-server.js";
import { answerTo } from "./response.js";

async function serve(socket: Socket): Promise<void> {
  const { readable, writable } = Duplex.toWeb(socket);
  const writer = writable.getWriter();
  writer.closed.catch(() => undefined);
  for await (const request of readable as AsyncIterable<Uint8Array>) {
    await writer.write(answerTo(request.length));
  }
}

serveNet((socket) => void serve(socket).catch(() => undefined));
