import { once } from "node:events";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { serveNet } from "../net-server.js";
import { replyTo } from "./reply.js";

async function answer(socket: Socket): Promise<void> {
  for await (const line of createInterface({ input: socket, crlfDelay: Infinity })) {
    if (!socket.write(replyTo(line))) await once(socket, "drain");
  }
}

serveNet((socket) => void answer(socket).catch(() => undefined));
