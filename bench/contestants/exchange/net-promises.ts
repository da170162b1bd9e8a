import { once } from "node:events";
import type { Server, ServerOpts, Socket } from "node:net";
import { onStage } from "../../stage.js";
import { portOf } from "../net-server.js";
import { answerTo } from "./response.js";

/** `node:net/promises`, newer than the types at hand. Its sockets are those of `node:net`. */
interface NetPromises {
  readonly listen: (
    options: ServerOpts & { port: number; host: string },
  ) => Promise<Server & AsyncIterable<Socket>>;
}

async function serve(socket: Socket): Promise<void> {
  for await (const request of socket as AsyncIterable<Buffer>) {
    if (!socket.write(answerTo(request.length))) await once(socket, "drain");
  }
}

const name = "node:net/promises";
const { listen } = (await import(name)) as NetPromises;
const server = await listen({ port: 0, host: "127.0.0.1", noDelay: true });
onStage({ port: portOf(server) });
for await (const socket of server) {
  socket.on("error", () => undefined);
  serve(socket).catch(() => undefined);
}
