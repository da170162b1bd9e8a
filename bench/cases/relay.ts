import type { Case } from "../case.js";
import { costOf, GB } from "../cost.js";
import { Program } from "../program.js";

const FLOOR = "`net` with `onread`, both ways";

export const relay: Case = {
  name: "relay",
  title: "relay",
  unit: { name: "ms per GB", size: 1_000 },
  contestants: [
    { name: FLOOR, module: "relay/onread" },
    { name: "`a.pipe(b)` both ways", module: "relay/net" },
    { name: "tcp6 `relay()`", module: "relay/tcp6" },
  ],
  rows: [
    {
      name: "relay",
      work: "`relay`",
      subject: "tcp6 `relay()`",
      floor: FLOOR,
      peers: ["`a.pipe(b)` both ways"],
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
  ],
  load: async ({ part }) => {
    const [receiver, { port: sink = 0 }] = await Program.load("receiver");
    const [sender] = await Program.load("sender");
    const bytes = Math.round(GB * part);
    return {
      args: [sink],
      measure: (stage, port) => costOf(stage, () => sender.ask("send", { port, bytes }), GB),
      end: async () => {
        await Promise.all([sender.end(), receiver.end()]);
      },
    };
  },
};
