import type { Case } from "../case.js";
import { costOf } from "../cost.js";
import { Program } from "../program.js";

const COUNT = 300_000;
const WORK = "300 000 awaited 16-byte writes";

export const smallWrites: Case = {
  name: "small-writes",
  title: "300 000 16-byte writes",
  unit: { name: "µs per write", size: 1 },
  contestants: [
    { name: "`net` `write()` with `noDelay`", module: "small-writes/net" },
    { name: "`net` `write()`, each from the callback of the last", module: "small-writes/net-callback" },
    { name: "tcp6 awaited `write()`", module: "small-writes/tcp6", args: [0] },
    { name: "tcp6 awaited `write()`, `bufferSize` 16 384", module: "small-writes/tcp6", args: [16_384] },
  ],
  rows: [
    {
      name: "small-writes-user",
      work: `${WORK}, user CPU`,
      subject: "tcp6 awaited `write()`",
      peer: "`net` `write()` with `noDelay`",
      metric: "user",
      must: 1,
      aim: 0.75,
    },
    {
      name: "small-writes-callback-user",
      work: `${WORK}, user CPU`,
      subject: "tcp6 awaited `write()`",
      peer: "`net` `write()`, each from the callback of the last",
      metric: "user",
    },
    {
      name: "small-writes-gathered",
      work: "300 000 awaited 16-byte writes, `bufferSize` 16 384",
      subject: "tcp6 awaited `write()`, `bufferSize` 16 384",
      peer: "`net` `write()` with `noDelay`",
      metric: "whole",
      must: 0.12,
      aim: 0.04,
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
