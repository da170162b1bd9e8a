import type { Case } from "../case.js";
import { during, redisBenchmark } from "../traffic.js";

const PIPELINE = 32;
const WORK = `lines, pipelined ${PIPELINE} deep`;
const FLOOR = "splitting by hand, awaited";
const BY_HAND = "splitting by hand in `'data'`";

export const lines: Case = {
  name: "lines",
  title: `${WORK}, each answered`,
  unit: { name: "µs per line", size: 1 },
  needs: "redis-benchmark",
  warmUp: 4,
  contestants: [
    { name: FLOOR, module: "lines/settled" },
    { name: BY_HAND, module: "lines/net" },
    { name: "tcp6 `lines()` with `bufferSize`", module: "lines/tcp6" },
    { name: "tcp6 `lines()` in batches", module: "lines/tcp6-batch" },
    { name: "tcp6 `split()` with `bufferSize`", module: "lines/tcp6-split" },
    { name: "`node:readline`", module: "lines/readline" },
    { name: "splitting by hand, `write()` for each line, corked", module: "lines/net-cork" },
    { name: "`node:readline`, `'line'` events", module: "lines/readline-events", extra: true },
  ],
  rows: [
    {
      name: "lines",
      work: WORK,
      subject: "tcp6 `lines()` with `bufferSize`",
      floor: FLOOR,
      peers: [BY_HAND, "splitting by hand, `write()` for each line, corked", "`node:readline`"],
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
    {
      name: "lines-batch",
      work: `${WORK}, in batches`,
      subject: "tcp6 `lines()` in batches",
      floor: BY_HAND,
      peers: ["`node:readline`"],
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
    {
      name: "split",
      work: `${WORK}, as bytes`,
      subject: "tcp6 `split()` with `bufferSize`",
      floor: FLOOR,
      peers: ["tcp6 `lines()` with `bufferSize`"],
      metric: "whole",
      must: 1.15,
      aim: 1.05,
    },
  ],
  load: (scale) => Promise.resolve(during(scale, (port) => redisBenchmark(port, PIPELINE))),
};
