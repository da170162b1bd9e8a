import { setTimeout as sleep } from "node:timers/promises";
import type { Case, Load, Scale } from "../case.js";
import type { Over } from "../over.js";
import { Program } from "../program.js";

/** Connections that are open before memory is first looked at: what is made once is there then. */
const FIRST = 200;
const COUNT = 5_000;
export const NODE_OPTIONS = ["--expose-gc"];

/** Most ms to wait until all connections are accepted, and how often to look. */
const ACCEPT_TIMEOUT = 20_000;
const LOOK = 50;

const FLOOR = "`'data'` of a bare socket";

export const idle: Case = {
  name: "idle",
  title: "memory of an idle connection that is being read",
  unit: { name: "KiB per connection", size: 1_024 },
  fresh: true,
  contestants: [
    { name: FLOOR, module: "idle/net", nodeOptions: NODE_OPTIONS },
    { name: "`for await` over a socket", module: "idle/for-await", nodeOptions: NODE_OPTIONS },
    { name: "tcp6 `for await`", module: "idle/tcp6", nodeOptions: NODE_OPTIONS },
    {
      name: "tcp6 `for await` in a handler of `serve`",
      module: "idle/tcp6-serve",
      nodeOptions: NODE_OPTIONS,
    },
  ],
  rows: [
    {
      name: "idle",
      work: "idle connection being read, heap + external",
      subject: "tcp6 `for await`",
      floor: FLOOR,
      peers: ["`for await` over a socket"],
      metric: "memory",
      must: 3.1,
      aim: 2.15,
    },
    {
      name: "idle-serve",
      work: "idle connection being read by a handler of `serve`, heap + external",
      subject: "tcp6 `for await` in a handler of `serve`",
      floor: FLOOR,
      peers: ["tcp6 `for await`"],
      metric: "memory",
    },
  ],
  load: (scale) => opened("tcp", scale),
};

/** Connections that are open and do nothing. */
export function opened(over: Over, { part }: Scale): Promise<Load> {
  return Promise.resolve({
    args: [],
    measure: async (stage, port) => {
      // Its connections close with it: each process under test needs one of its own.
      const [opener] = await Program.load("opener", over);
      try {
        const before = await memoryWith(FIRST, stage, opener, port);
        const count = Math.round(COUNT * part);
        return { memory: ((await memoryWith(FIRST + count, stage, opener, port)) - before) / count };
      } finally {
        await opener.end();
      }
    },
    end: () => Promise.resolve(),
  });
}

/** Bytes in use once `count` connections are open and being read. */
async function memoryWith(count: number, stage: Program, opener: Program, port: number): Promise<number> {
  await opener.ask("open", { port, upTo: count });
  const late = performance.now() + ACCEPT_TIMEOUT;
  for (;;) {
    const { operations = 0 } = await stage.ask("mark");
    if (operations >= count) break;
    if (performance.now() > late) throw new Error(`accepted ${operations} connections of ${count}`);
    await sleep(LOOK);
  }
  // Work that accepting has left is done in the turns after it.
  await sleep(LOOK);
  const { bytes = NaN } = await stage.ask("memory");
  return bytes;
}
