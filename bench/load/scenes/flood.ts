import { checkAfterwards } from "../afterwards.js";
import { ending, startClients, startServer, whenever } from "../processes.js";
import { count, counts } from "../report.js";
import type { Scene } from "../scene.js";

const CLIENTS = 20_000;
const BACKLOG = 511;
const MIB = 1_024 * 1_024;

/** What all the clients together may cost the server. */
const MOST_MIB = 48;

export const flood: Scene = {
  name: "flood",
  what: `${count(CLIENTS)} clients, 400 at a time, that no call accepts, backlog ${count(BACKLOG)}`,
  run: async (report) => {
    const { server, port } = await startServer("unclaimed", { backlog: BACKLOG });
    const [clients, prober] = await Promise.all([startClients("crowd"), startClients("prober")]);
    await ending([server, clients, prober], async () => {
      const before = await server.ask("rest");
      const empty = await server.ask("state");
      await clients.ask("flood", { port, count: CLIENTS, atOnce: 400 });
      const state = await whenever(
        () => server.ask("state"),
        ({ pending = 0, dropped = 0 }) => pending + dropped >= CLIENTS,
      );
      const { open = NaN, ...ends } = await clients.ask("state");
      report.figure("clients", `${count(open)} stay, ${counts(ends)}`);
      report.cost(empty, state);
      report.equal("clients that wait", state.pending ?? NaN, BACKLOG);
      report.equal("clients dropped", state.dropped ?? NaN, CLIENTS - BACKLOG);
      report.atMost("connections", state.mostConnections ?? NaN, BACKLOG);
      report.atMost(
        "MiB of memory (RSS) more",
        ((state.mostRss ?? NaN) - (empty.rss ?? NaN)) / MIB,
        MOST_MIB,
      );
      await server.ask("accept");
      const waiting = await clients.ask("converse", { seconds: 0.5, pause: 100 });
      report.served("to those that waited", waiting);
      report.atLeast("of those that waited, served", waiting.served ?? 0, BACKLOG);
      await clients.ask("leave");
      await checkAfterwards(report, { server, prober, port, before });
    });
  },
};
