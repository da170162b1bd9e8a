import { setTimeout as sleep } from "node:timers/promises";
import { beforehand, checkAfterwards } from "../afterwards.js";
import { ending, startClients, startServer } from "../processes.js";
import { count, counts } from "../report.js";
import type { Numbers } from "../../stage.js";
import type { Scene } from "../scene.js";

const DESCRIPTORS = 256;
const CLIENTS = 2_000;
const SECONDS = 3;
/** CPU that a server may take which has nothing to do but to turn clients away, the part of one processor. */
const MOST_CPU = 0.5;

function scene(name: string, words: string, options: { maxConnections?: number }): Scene {
  return {
    name,
    what: `${count(CLIENTS)} clients of a process with ${count(DESCRIPTORS)} descriptors, ${words}`,
    run: async (report) => {
      const { server, port } = await startServer("echo", options, DESCRIPTORS);
      const [clients, prober] = await Promise.all([startClients("crowd"), startClients("prober")]);
      await ending([server, clients, prober], async () => {
        const before = await beforehand(server, prober, port);
        const empty = await server.ask("state");
        await clients.ask("join", { port, count: CLIENTS });
        await prober.ask("begin", { port });
        const served = await clients.ask("converse", { seconds: SECONDS, pause: 100 });
        const { open = NaN, ...ends } = await clients.ask("state");
        const others = await prober.ask("stop");
        const state = await server.ask("state");
        report.figure("clients", `${count(open)} stay, ${counts(ends)}`);
        report.served("to those", served);
        report.served("to new clients", others);
        report.cost(empty, state);
        report.atMost("connections", state.mostConnections ?? NaN, options.maxConnections ?? DESCRIPTORS);
        report.atLeast("clients served", open, DESCRIPTORS / 2);
        report.equal("new clients turned away", turnedAway(others), others.asked ?? NaN);
        const idle = await server.ask("state");
        await sleep(1_000);
        const later = await server.ask("state");
        const rise = (what: string): number => (later[what] ?? NaN) - (idle[what] ?? NaN);
        const share = (rise("user") + rise("system")) / rise("time");
        report.check(`no CPU while nothing is asked: ${(100 * share).toFixed(0)} %`, share <= MOST_CPU);
        await clients.ask("leave");
        await checkAfterwards(report, { server, prober, port, before });
      });
    },
  };
}

/** They see an end, or a reset if what they have sent was there before. */
function turnedAway({ ended = 0, ECONNRESET = 0 }: Numbers): number {
  return ended + ECONNRESET;
}

/** libuv accepts the clients for which there is no descriptor with one that it keeps back, and closes them at once. */
export const descriptors = scene("descriptors", "no maxConnections", {});

export const fewerThanDescriptors = scene("max-connections", "maxConnections 200", { maxConnections: 200 });
