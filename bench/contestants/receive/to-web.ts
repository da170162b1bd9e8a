import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

async function receive(socket: Socket): Promise<void> {
  const { readable, writable } = Duplex.toWeb(socket);
  for await (const chunk of readable as AsyncIterable<Uint8Array>) tally.operations += chunk.length;
  await writable.close();
}

serveNet((socket) => void receive(socket).catch(() => undefined));
