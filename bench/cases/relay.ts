import type { Case } from "../case.js";
import { costOf, GB } from "../cost.js";
import { Program } from "../program.js";

export const relay: Case = {
  name: "relay",
  title: "relay, 1 GB through",
  unit: { name: "ms per GB", size: 1_000 },
  contestants: [
    { name: "`a.pipe(b)` both ways", module: "relay/net" },
    { name: "tcp6 `relay()`", module: "relay/tcp6" },
  ],
  rows: [
    {
      name: "relay",
      work: "`relay`, 1 GB through",
      subject: "tcp6 `relay()`",
      peer: "`a.pipe(b)` both ways",
      metric: "whole",
      must: 0.7,
      aim: 0.5,
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
