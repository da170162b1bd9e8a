import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { turn } from "./outcomes.js";

/** The program ends by itself after this time, if the process that has started it dies before it ends it. */
const LIFE_MS = 120_000;

const PROGRAM = `
const { createServer } = require("node:net");
const { writeSync } = require("node:fs");
const server = createServer().listen({ host: "127.0.0.1", port: 0, backlog: 1 }, () => {
  writeSync(1, server.address().port + "\\n");
  // Blocks the event loop, so no client is accepted; the parent process ends this one.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.argv[1]));
});
`;

export interface FrozenServer {
  readonly port: number;
  /** How many sockets of this process it takes to keep its queue full. */
  readonly sockets: number;
  close(): Promise<void>;
}

/**
 * A server that answers no client: it has stopped accepting and its kernel's queue is full, so that a client's SYN is
 * dropped and a connection attempt neither succeeds nor fails.
 */
export async function frozenServer(lifeMs = LIFE_MS): Promise<FrozenServer> {
  const child = spawn(process.execPath, ["-e", PROGRAM, String(lifeMs)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  const fillers: Socket[] = [];
  // Linux takes one more than the backlog; others may take some more.
  for (let connected = true; connected && fillers.length < 50;) {
    const filler = connect(port, "127.0.0.1").on("error", () => undefined);
    fillers.push(filler);
    await Promise.race([once(filler, "connect"), new Promise((resolve) => setTimeout(resolve, 300))]);
    // On a busy machine both may be due: sockets come after timers in a turn of the event loop.
    await turn();
    connected = !filler.connecting;
  }
  fillers.pop()?.destroy();
  return {
    port,
    sockets: fillers.length,
    close: async () => {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
      for (const filler of fillers) if (!filler.destroy().closed) await once(filler, "close");
    },
  };
}
