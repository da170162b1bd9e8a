import { setTimeout as sleep } from "node:timers/promises";
import type { ListenOptions, ServeOptions } from "../../../src/index.js";
import { beforehand, checkAfterwards } from "../afterwards.js";
import { ending, startClients, startServer, whenever } from "../processes.js";
import { count, counts } from "../report.js";
import type { Scene } from "../scene.js";

/** The address of the clients with a bad handler: others are served meanwhile. */
const FROM = 2;
const GRACE_MS = 500;
const MIB = 1_024 * 1_024;
const MOST_MIB = 64;

interface Kind {
  readonly name: string;
  readonly what: string;
  readonly bad: "never" | "throws" | "writes";
  readonly clients: number;
  /** Whether they come and are gone, or stay. */
  readonly way: "flood" | "join";
  readonly reads?: 0;
  readonly listen?: ListenOptions;
  readonly serve?: ServeOptions;
  /** How many handlers fail, which `onError` is told of. */
  readonly failures: number;
  /** How many clients `perAddress` refuses. */
  readonly refused: number;
  readonly mostConnections: number;
}

function scene(kind: Kind): Scene {
  const { name, what, bad, clients, way, reads = 1, failures } = kind;
  return {
    name,
    what: `${count(clients)} clients, and ${what}`,
    run: async (report) => {
      const options = { bad, address: `127.0.0.${FROM}`, listen: kind.listen };
      const { server, port } = await startServer("bad", {
        ...options,
        serve: { grace: GRACE_MS, ...kind.serve },
      });
      const [crowd, prober] = await Promise.all([startClients("crowd"), startClients("prober")]);
      await ending([server, crowd, prober], async () => {
        const before = await beforehand(server, prober, port);
        const empty = await server.ask("state");
        await prober.ask("begin", { port });
        await crowd.ask(way, { port, count: clients, from: FROM, reads });
        const { reported = NaN } = await whenever(
          () => server.ask("reported"),
          ({ reported = 0 }) => reported >= failures,
        );
        await sleep(1_000);
        const served = await prober.ask("stop");
        const { open = NaN, ...ends } = await crowd.ask("state");
        const state = await server.ask("state");
        report.figure("clients", `${count(open)} stay, ${counts(ends)}`);
        report.served("meanwhile", served);
        report.cost(empty, state);
        report.equal("served meanwhile", served.served ?? 0, served.asked ?? NaN);
        report.equal("handlers reported", reported, failures);
        report.equal("refused by perAddress", state.perAddress ?? NaN, kind.refused);
        report.atMost("connections", state.mostConnections ?? NaN, kind.mostConnections);
        report.atMost(
          "MiB of memory (RSS) more",
          ((state.mostRss ?? NaN) - (empty.rss ?? NaN)) / MIB,
          MOST_MIB,
        );
        // With the handlers that are left.
        const { took = NaN, connections = NaN } = await server.ask("again");
        report.atMost("ms to stop serving", took, GRACE_MS + 1_000);
        report.equal("connections that outlive it", connections, 0);
        await crowd.ask("leave");
        await checkAfterwards(report, { server, prober, port, before });
      });
    },
  };
}

export const never = scene({
  name: "never-returns",
  what: "a handler that never returns, perAddress 500",
  bad: "never",
  clients: 1_000,
  way: "join",
  serve: { perAddress: 500 },
  failures: 0,
  refused: 500,
  mostConnections: 550,
});

export const throws = scene({
  name: "throws",
  what: "a handler that throws at once",
  bad: "throws",
  clients: 20_000,
  way: "flood",
  failures: 20_000,
  refused: 0,
  mostConnections: 550,
});

export const writes = scene({
  name: "never-reads",
  what: "a handler that writes without end to each, while they never read, writeTimeout 3 s",
  bad: "writes",
  clients: 500,
  way: "join",
  reads: 0,
  listen: { writeTimeout: 3_000 },
  failures: 500,
  refused: 0,
  mostConnections: 550,
});
