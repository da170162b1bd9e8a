import type { Socket } from "node:net";
import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

async function read(socket: Socket): Promise<void> {
  tally.operations += 1;
  for await (const chunk of socket as AsyncIterable<Buffer>) throw new Error(`${chunk.length} bytes came`);
}

serveNet((socket) => void read(socket).catch(() => undefined));
