import { setTimeout as sleep } from "node:timers/promises";
import { beforehand, checkAfterwards } from "../afterwards.js";
import { ending, startClients, startServer } from "../processes.js";
import { count, counts } from "../report.js";
import type { Scene } from "../scene.js";

const CLIENTS = 1_000;
/** How often each sends a byte. */
const INTERVAL_MS = 250;
/** Most time for a handshake, or for a line. */
const TIMEOUT_MS = 3_000;
const SECONDS = 8;
/** Room for the slow clients and some more. */
const BACKLOG = 1_500;

/** Most of it OpenSSL's: about 100 KiB for each handshake. */
const MOST_MIB = 160;
const MIB = 1_024 * 1_024;

interface Attack {
  readonly tls: boolean;
  /** What the server is told. */
  readonly options: object;
  /** How many the server must have cut off by then, which it counts if they were in their handshake. */
  readonly cutOff: number;
  /** Whether other clients find room. */
  readonly isServing: boolean;
}

function scene(name: string, what: string, attack: Attack): Scene {
  const { tls, options, cutOff, isServing } = attack;
  return {
    name,
    what: `${count(CLIENTS)} clients that send a byte of ${what} each ${count(INTERVAL_MS)} ms, and come again when cut off`,
    run: async (report) => {
      const { server, port } = await startServer("echo", options);
      const [slow, prober] = await Promise.all([
        startClients("crowd"),
        startClients("prober", tls ? "tls" : "tcp"),
      ]);
      await ending([server, slow, prober], async () => {
        const before = await beforehand(server, prober, port);
        const empty = await server.ask("state");
        await slow.ask("drip", { port, count: CLIENTS, interval: INTERVAL_MS });
        await sleep(1_000);
        await slow.ask("state");
        await prober.ask("begin", { port });
        await sleep(SECONDS * 1_000);
        const served = await prober.ask("stop");
        const { open = NaN, ...ends } = await slow.ask("state");
        const state = await server.ask("state");
        report.figure("slow clients", `${count(open)} open, ${counts(ends)}`);
        report.served("meanwhile", served);
        report.cost(empty, state);
        report.atLeast("slow clients cut off", (tls ? state.handshake : ends.ECONNRESET) ?? 0, cutOff);
        if (isServing) report.equal("served meanwhile", served.served ?? 0, served.asked ?? NaN);
        report.atMost(
          "MiB of memory (RSS) more",
          ((state.mostRss ?? NaN) - (empty.rss ?? NaN)) / MIB,
          MOST_MIB,
        );
        report.atMost("connections", state.mostConnections ?? NaN, BACKLOG);
        await slow.ask("leave");
        await checkAfterwards(report, { server, prober, port, before });
      });
    },
  };
}

export const slowHandshakes = scene("slow-handshakes", "a TLS hello", {
  tls: true,
  options: { tls: true, backlog: BACKLOG, handshakeTimeout: TIMEOUT_MS },
  cutOff: 2 * CLIENTS,
  isServing: true,
});

/** The same, where the slow clients take up all the room that there is. */
export const fullOfHandshakes = scene("full-of-handshakes", "a TLS hello (backlog 511)", {
  tls: true,
  options: { tls: true, backlog: 511, handshakeTimeout: TIMEOUT_MS },
  cutOff: 2 * 511,
  isServing: false,
});

export const slowLines = scene("slow-lines", "a line", {
  tls: false,
  options: { lineTimeout: TIMEOUT_MS },
  cutOff: 2 * CLIENTS,
  isServing: true,
});
