import { join } from "node:path";
import type { ServerRecipe } from "./local-server.js";
import { REDIS } from "./machine.js";

/** A redis that keeps nothing; its Unix socket is `socket` in its directory. */
export const REDIS_SERVER: ServerRecipe = {
  peer: REDIS,
  args: (directory, port) => [
    ...["--bind", "127.0.0.1", "--port", String(port), "--unixsocket", join(directory, "socket")],
    ...["--dir", directory, "--save", "", "--appendonly", "no"],
  ],
  ready: /Ready to accept connections/,
};
