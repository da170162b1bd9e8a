import type { Case, Load, Scale } from "../case.js";
import { costOf, GB } from "../cost.js";
import type { Over } from "../over.js";
import { Program } from "../program.js";

const FLOOR = "`net` with `onread`";

export const receive: Case = {
  name: "receive",
  title: "bulk receive",
  unit: { name: "ms per GB", size: 1_000 },
  contestants: [
    { name: "`'data'`", module: "receive/net" },
    { name: "tcp6 `for await`", module: "receive/tcp6" },
    { name: "tcp6 `readInto()`", module: "receive/tcp6-read-into" },
    { name: "tcp6 `chunks({ recycle: true })`", module: "receive/tcp6-recycle" },
    { name: "`Duplex.toWeb`", module: "receive/to-web" },
    { name: "tcp6 `readable`", module: "receive/tcp6-web" },
    { name: "`for await` over a socket", module: "receive/for-await", extra: true },
    { name: "tcp6 `duplex`", module: "receive/tcp6-duplex", extra: true },
    { name: FLOOR, module: "receive/onread" },
    { name: "Deno", module: "receive/deno", runtime: "deno", needs: "deno", extra: true },
    { name: "Bun", module: "receive/bun", runtime: "bun", needs: "bun", extra: true },
  ],
  rows: [
    {
      name: "receive",
      work: "bulk receive, `for await`",
      subject: "tcp6 `for await`",
      floor: FLOOR,
      peers: ["`'data'`"],
      metric: "whole",
      must: 1.85,
      aim: 1.7,
    },
    {
      name: "receive-into",
      work: "bulk receive, `readInto`",
      subject: "tcp6 `readInto()`",
      floor: FLOOR,
      peers: ["`'data'`"],
      metric: "whole",
      must: 1.3,
      aim: 1,
    },
    {
      name: "receive-recycle",
      work: "bulk receive, `chunks({ recycle: true })`",
      subject: "tcp6 `chunks({ recycle: true })`",
      floor: FLOOR,
      peers: ["`'data'`"],
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
    {
      name: "receive-web",
      work: "bulk receive, WHATWG `readable`",
      subject: "tcp6 `readable`",
      floor: FLOOR,
      peers: ["`Duplex.toWeb`"],
      metric: "whole",
      must: 1.9,
      aim: 1.35,
    },
    {
      name: "receive-duplex",
      work: "bulk receive, `'data'` of the `duplex`",
      subject: "tcp6 `duplex`",
      floor: FLOOR,
      peers: ["`'data'`"],
      metric: "whole",
    },
  ],
  load: (scale) => sent("tcp", scale),
};

/** A connection that sends, and one GB on it. */
export async function sent(over: Over, { part }: Scale): Promise<Load> {
  const bytes = Math.round(GB * part);
  const [sender] = await Program.load("sender", over);
  return {
    args: [],
    measure: (stage, port) => costOf(stage, () => sender.ask("send", { port, bytes }), GB),
    end: () => sender.end(),
  };
}
