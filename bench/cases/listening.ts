import { setTimeout as sleep } from "node:timers/promises";
import type { Case } from "../case.js";
import type { Program } from "../program.js";
import { NODE_OPTIONS } from "./idle.js";

/** Listeners that are open before memory is first looked at: what is made once is there then. */
const FIRST = 100;
const COUNT = 2_000;

/** For what opening leaves to the turns after it. */
const PAUSE = 50;

const FLOOR = "`net` server with a listener";

export const listening: Case = {
  name: "listening",
  title: "memory of a listener whose `accept` waits",
  unit: { name: "KiB per listener", size: 1_024 },
  fresh: true,
  contestants: [
    { name: FLOOR, module: "listening/net", nodeOptions: NODE_OPTIONS },
    { name: "tcp6 `accept()`", module: "listening/tcp6", nodeOptions: NODE_OPTIONS },
    { name: "tcp6 `serve()`", module: "listening/tcp6-serve", nodeOptions: NODE_OPTIONS },
  ],
  rows: [
    {
      name: "listening",
      work: "waiting `accept`, heap + external",
      subject: "tcp6 `accept()`",
      floor: FLOOR,
      peers: [],
      metric: "memory",
    },
    {
      name: "listening-serve",
      work: "`serve` without a client, heap + external",
      subject: "tcp6 `serve()`",
      floor: FLOOR,
      peers: [],
      metric: "memory",
    },
  ],
  load: ({ part }) => {
    const count = Math.round(COUNT * part);
    return Promise.resolve({
      args: [],
      measure: async (stage) => {
        const before = await memoryWith(FIRST, stage);
        return { memory: ((await memoryWith(FIRST + count, stage)) - before) / count };
      },
      end: () => Promise.resolve(),
    });
  },
};

/** Bytes in use once `count` listeners are open. */
async function memoryWith(count: number, stage: Program): Promise<number> {
  await stage.ask("open", { upTo: count });
  await sleep(PAUSE);
  const { bytes = NaN } = await stage.ask("memory");
  return bytes;
}
