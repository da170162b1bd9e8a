import type { Socket } from "node:net";
import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

async function receive(socket: Socket): Promise<void> {
  for await (const chunk of socket as AsyncIterable<Buffer>) tally.operations += chunk.length;
}

serveNet((socket) => void receive(socket).catch(() => undefined));
