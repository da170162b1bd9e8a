import type { Case } from "../case.js";
import { during, redisBenchmark } from "../traffic.js";

const PIPELINE = 32;
const WORK = `lines, pipelined ${PIPELINE} deep`;

export const lines: Case = {
  name: "lines",
  title: `${WORK}, each answered`,
  unit: { name: "µs per line", size: 1 },
  needs: "redis-benchmark",
  warmUp: 4,
  contestants: [
    { name: "splitting by hand in `'data'`", module: "lines/net" },
    { name: "tcp6 `lines()` with `bufferSize`", module: "lines/tcp6" },
    { name: "tcp6 `lines()` in batches", module: "lines/tcp6-batch" },
    { name: "tcp6 `split()` with `bufferSize`", module: "lines/tcp6-split" },
    { name: "`node:readline`", module: "lines/readline" },
    { name: "splitting by hand, `write()` for each line, corked", module: "lines/net-cork" },
    { name: "by hand, awaited: the floor", module: "lines/settled", extra: true },
    { name: "`node:readline`, `'line'` events", module: "lines/readline-events", extra: true },
  ],
  rows: [
    {
      name: "lines",
      work: WORK,
      subject: "tcp6 `lines()` with `bufferSize`",
      peer: "splitting by hand in `'data'`",
      metric: "whole",
      must: 1.3,
      aim: 1,
    },
    {
      name: "lines-cork",
      work: WORK,
      subject: "tcp6 `lines()` with `bufferSize`",
      peer: "splitting by hand, `write()` for each line, corked",
      metric: "whole",
    },
    {
      name: "lines-readline",
      work: WORK,
      subject: "tcp6 `lines()` with `bufferSize`",
      peer: "`node:readline`",
      metric: "whole",
      must: 0.2,
      aim: 0.07,
    },
    {
      name: "lines-batch",
      work: `${WORK}, in batches`,
      subject: "tcp6 `lines()` in batches",
      peer: "splitting by hand in `'data'`",
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
    {
      name: "split",
      work: `${WORK}, as bytes`,
      subject: "tcp6 `split()` with `bufferSize`",
      peer: "tcp6 `lines()` with `bufferSize`",
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
  ],
  load: (scale) => Promise.resolve(during(scale, (port) => redisBenchmark(port, PIPELINE))),
};
