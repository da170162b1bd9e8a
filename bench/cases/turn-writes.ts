import type { Case, Contestant } from "../case.js";
import { costOf } from "../cost.js";
import { Program } from "../program.js";

const COUNT = 320_000;
const TOGETHER = 8;
const CORKED = "`net` with `cork()` and `uncork()`";
const GATHERED = "tcp6 with `autoCork`";
const SINGLY = "`net` `write()`";

function contestant(name: string, module: string, ...args: number[]): Contestant {
  return { name, module: `turn-writes/${module}`, args };
}

/** What `autoCork` is worth, and what it costs a program that writes once in a turn. */
export const turnWrites: Case = {
  name: "turn-writes",
  title: "8 writes of 100 bytes in each turn",
  unit: { name: "µs per write", size: 1 },
  contestants: [
    contestant(CORKED, "net", TOGETHER, 1),
    contestant(GATHERED, "tcp6", TOGETHER, 1),
    contestant(SINGLY, "net", TOGETHER, 0),
    contestant("tcp6", "tcp6", TOGETHER, 0),
    contestant("tcp6, one write in a turn", "tcp6", 1, 0),
    contestant("tcp6 with `autoCork`, one write in a turn", "tcp6", 1, 1),
  ],
  rows: [
    {
      name: "turn-writes",
      work: "8 writes of 100 bytes in each turn, `autoCork`",
      subject: GATHERED,
      floor: CORKED,
      peers: [SINGLY, "tcp6"],
      metric: "whole",
      must: 1.5,
      aim: 1.2,
    },
    {
      name: "turn-writes-single",
      work: "one write of 100 bytes in each turn, `autoCork`",
      subject: "tcp6 with `autoCork`, one write in a turn",
      floor: "tcp6, one write in a turn",
      peers: [],
      metric: "whole",
    },
  ],
  load: async ({ part }) => {
    const [receiver] = await Program.load("receiver");
    return {
      args: [Math.round((COUNT * part) / TOGETHER) * TOGETHER],
      measure: (stage, port) => costOf(stage, () => receiver.ask("receive", { port })),
      end: () => receiver.end(),
    };
  },
};
