import type { Case, Load, Scale } from "../case.js";
import { costOf, GB } from "../cost.js";
import type { Over } from "../over.js";
import { Program } from "../program.js";

const WORK = "bulk send, awaited 64 KiB writes";
const FLOOR = "four in one `writev` by hand";

export const send: Case = {
  name: "send",
  title: WORK,
  unit: { name: "ms per GB", size: 1_000 },
  contestants: [
    { name: FLOOR, module: "send/net-writev" },
    { name: "`write()` and `'drain'`", module: "send/net" },
    { name: "tcp6 awaited `write()`", module: "send/tcp6" },
  ],
  rows: [
    {
      name: "send",
      work: WORK,
      subject: "tcp6 awaited `write()`",
      floor: FLOOR,
      peers: ["`write()` and `'drain'`"],
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
  ],
  load: (scale) => received("tcp", scale),
};

/** A connection that receives two GB. */
export async function received(over: Over, { part }: Scale): Promise<Load> {
  const [receiver] = await Program.load("receiver", over);
  return {
    args: [Math.round(2 * GB * part)],
    measure: (stage, port) => costOf(stage, () => receiver.ask("receive", { port }), GB),
    end: () => receiver.end(),
  };
}
