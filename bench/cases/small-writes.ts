import type { Case } from "../case.js";
import { costOf } from "../cost.js";
import { Program } from "../program.js";

const COUNT = 300_000;
const WORK = "awaited 16-byte writes";
const SINGLE = "`net` `write()` with `noDelay`";
const GATHERED = "gathering by hand, awaited";

export const smallWrites: Case = {
  name: "small-writes",
  title: "16-byte writes",
  unit: { name: "µs per write", size: 1 },
  contestants: [
    { name: GATHERED, module: "small-writes/settled" },
    { name: SINGLE, module: "small-writes/net" },
    { name: "`net` `write()`, each from the callback of the last", module: "small-writes/net-callback" },
    { name: "tcp6 awaited `write()`", module: "small-writes/tcp6", args: [0] },
    { name: "tcp6 awaited `write()`, `bufferSize` 16 384", module: "small-writes/tcp6", args: [16_384] },
  ],
  rows: [
    {
      name: "small-writes-user",
      work: `${WORK}, user CPU`,
      subject: "tcp6 awaited `write()`",
      floor: SINGLE,
      peers: ["`net` `write()`, each from the callback of the last"],
      metric: "user",
      must: 1.1,
      aim: 1,
    },
    {
      name: "small-writes-gathered",
      work: `${WORK}, \`bufferSize\` 16 384`,
      subject: "tcp6 awaited `write()`, `bufferSize` 16 384",
      floor: GATHERED,
      peers: [SINGLE],
      metric: "whole",
      must: 1.5,
      aim: 1.2,
    },
  ],
  load: async ({ part }) => {
    const [receiver] = await Program.load("receiver");
    return {
      args: [Math.round(COUNT * part)],
      measure: (stage, port) => costOf(stage, () => receiver.ask("receive", { port })),
      end: () => receiver.end(),
    };
  },
};
