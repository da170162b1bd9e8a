import { beforehand, checkAfterwards } from "../afterwards.js";
import { ending, startClients, startServer, whenever } from "../processes.js";
import { count } from "../report.js";
import type { Scene } from "../scene.js";

const IDLE = 10_000;
const ACTIVE = 3_000;
const MAX_CONNECTIONS = 13_100;
/** Clients that come when all the others are there: more than there is room for. */
const LATE = 300;

/** Of a connection with a handler that waits for a line, in the process of the server. */
const MOST_BYTES_EACH = 16 * 1_024;

export const connections: Scene = {
  name: "connections",
  what: `${count(IDLE)} idle and ${count(ACTIVE)} active connections, maxConnections ${count(MAX_CONNECTIONS)}`,
  run: async (report) => {
    const { server, port } = await startServer("echo", {
      maxConnections: MAX_CONNECTIONS,
      readTimeout: 300_000,
    });
    const [idle, active, late, prober] = await Promise.all([
      startClients("crowd"),
      startClients("crowd"),
      startClients("crowd"),
      startClients("prober"),
    ]);
    await ending([server, idle, active, late, prober], async () => {
      const before = await beforehand(server, prober, port);
      const empty = await server.ask("state");
      await idle.ask("join", { port, count: IDLE });
      await active.ask("join", { port, count: ACTIVE });
      const joined = await server.ask("state");
      report.share("while they join", empty, joined);
      await prober.ask("begin", { port });
      const paced = await active.ask("converse", { seconds: 5, pause: 1_000 });
      const asked = await server.ask("state");
      report.served("one request a second", paced);
      report.share("meanwhile", joined, asked);
      report.served("to new clients", await prober.ask("stop"));
      const full = await active.ask("converse", { seconds: 5, pause: 0 });
      report.served("at full speed", full);
      report.share("meanwhile", asked, await server.ask("state"));
      report.figure("", `${count(full.perSecond ?? NaN)} requests per second`);
      await late.ask("join", { port, count: LATE });
      const tooMany = LATE - (MAX_CONNECTIONS - IDLE - ACTIVE);
      const state = await whenever(
        () => server.ask("state"),
        ({ maxConnections = 0 }) => maxConnections >= tooMany,
      );
      report.equal("late clients turned away", state.maxConnections ?? NaN, tooMany);
      report.cost(empty, state);
      const each = ((state.mostRss ?? NaN) - (empty.rss ?? NaN)) / MAX_CONNECTIONS;
      report.atMost("bytes of memory (RSS) each", each, MOST_BYTES_EACH);
      report.atMost("connections", state.mostConnections ?? NaN, MAX_CONNECTIONS);
      await Promise.all([idle.ask("leave"), active.ask("leave"), late.ask("leave")]);
      await checkAfterwards(report, { server, prober, port, before });
    });
  },
};
