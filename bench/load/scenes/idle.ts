import { ending, startClients, startServer, whenever } from "../processes.js";
import { count, mib } from "../report.js";
import type { Scene } from "../scene.js";

const WANTED = 100_000;

/** Descriptors of a process that are no connections. */
const OTHERS = 200;

/** Clients of one process, which have an address of their own: fewer than an address has ports. */
const EACH = 15_000;
const FIRST_ADDRESS = 2;

/** Of a connection with a handler that waits for a line: heap and external memory, and memory of the process. */
const MOST_HEAP_EACH = 6 * 1_024;
const MOST_BYTES_EACH = 16 * 1_024;

/** Ms that the server waits for a line: longer than it takes until all are there. */
const IDLE_TIMEOUT = 1_800_000;

/** Most ms until those that have connected are accepted. */
const ACCEPT_TIMEOUT = 60_000;

/** The descriptors that this process may have, and those that it starts. */
function limit(): number {
  const { userLimits } = process.report.getReport() as unknown as {
    userLimits: { open_files: { hard: number | "unlimited" } };
  };
  const { hard } = userLimits.open_files;
  return hard === "unlimited" ? Infinity : hard;
}

const COUNT = Math.min(WANTED, limit() - OTHERS);

export const idle: Scene = {
  name: "idle",
  what: `${count(COUNT)} idle connections in one process${COUNT < WANTED ? `, all that this machine's limit of descriptors allows` : ""}`,
  run: async (report) => {
    const { server, port } = await startServer("echo", { readTimeout: IDLE_TIMEOUT }, COUNT + OTHERS);
    const crowds = await Promise.all(
      Array.from({ length: Math.ceil(COUNT / EACH) }, () => startClients("crowd")),
    );
    await ending([server, ...crowds], async () => {
      await server.ask("rest");
      const empty = await server.ask("state");
      let left = COUNT;
      for (const [index, crowd] of crowds.entries()) {
        const clients = Math.min(EACH, left);
        left -= clients;
        await crowd.ask("join", { port, count: clients, from: FIRST_ADDRESS + index });
      }
      const { connections = NaN } = await whenever(
        () => server.ask("state"),
        ({ connections = 0 }) => connections >= COUNT,
        ACCEPT_TIMEOUT,
      );
      report.equal("connections", connections, COUNT);
      const { heap = NaN } = await server.ask("rest");
      const { rss = NaN } = await server.ask("state");
      const [heapMore, rssMore] = [heap - (empty.heap ?? NaN), rss - (empty.rss ?? NaN)];
      report.figure("heap and external", `${mib(heapMore)}, ${count(heapMore / COUNT)} bytes each`);
      report.figure("memory (RSS)", `${mib(rssMore)}, ${count(rssMore / COUNT)} bytes each`);
      report.atMost("bytes of heap and external each", heapMore / COUNT, MOST_HEAP_EACH);
      report.atMost("bytes of memory (RSS) each", rssMore / COUNT, MOST_BYTES_EACH);
      await Promise.all(crowds.map((crowd) => crowd.ask("leave")));
      const { connections: rest = NaN } = await whenever(
        () => server.ask("state"),
        ({ connections = NaN }) => connections === 0,
        ACCEPT_TIMEOUT,
      );
      report.equal("connections afterwards", rest, 0);
    });
  },
};
