import type { Case, Load, Scale } from "../case.js";
import { costOf } from "../cost.js";
import { redisServer } from "../traffic.js";

const WORK = "requests to redis, 32 at a time over one connection";
const FLOOR = "writing and parsing by hand";
const COUNT = 400_000;

export const requests: Case = {
  name: "requests",
  title: WORK,
  unit: { name: "µs per request", size: 1 },
  needs: "redis-server",
  warmUp: 4,
  contestants: [
    { name: FLOOR, module: "requests/by-hand" },
    { name: "ioredis", module: "requests/ioredis", needs: "ioredis" },
    { name: "tcp6 `requests`", module: "requests/tcp6" },
    {
      name: "ioredis, `enableAutoPipelining`",
      module: "requests/ioredis-auto",
      needs: "ioredis",
      extra: true,
    },
  ],
  rows: [
    {
      name: "requests",
      work: WORK,
      subject: "tcp6 `requests`",
      floor: FLOOR,
      peers: ["ioredis"],
      metric: "whole",
      must: 1.5,
      aim: 1.2,
    },
  ],
  load: asked,
};

/** A redis server that is asked. */
async function asked({ part }: Scale): Promise<Load> {
  const server = await redisServer();
  const count = Math.round(COUNT * part);
  return {
    args: [],
    measure: (stage) => costOf(stage, () => stage.ask("run", { port: server.port, count })),
    end: () => server.stop(),
  };
}
