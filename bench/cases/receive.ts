import type { Case, Load, Scale } from "../case.js";
import { costOf, GB } from "../cost.js";
import type { Over } from "../over.js";
import { Program } from "../program.js";

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
    { name: "`net` with `onread`, the floor", module: "receive/onread" },
    { name: "Deno", module: "receive/deno", runtime: "deno", needs: "deno", extra: true },
    { name: "Bun", module: "receive/bun", runtime: "bun", needs: "bun", extra: true },
  ],
  rows: [
    {
      name: "receive",
      work: "bulk receive, `for await`",
      subject: "tcp6 `for await`",
      peer: "`'data'`",
      metric: "whole",
      must: 1,
      aim: 0.9,
    },
    {
      name: "receive-into",
      work: "bulk receive, `readInto`",
      subject: "tcp6 `readInto()`",
      peer: "`'data'`",
      metric: "whole",
      must: 0.7,
      aim: 0.5,
    },
    {
      name: "receive-recycle",
      work: "bulk receive, `chunks({ recycle: true })`",
      subject: "tcp6 `chunks({ recycle: true })`",
      peer: "`'data'`",
      metric: "whole",
      must: 0.5,
      aim: 0.4,
    },
    {
      name: "receive-floor",
      work: "bulk receive, `chunks({ recycle: true })`",
      subject: "tcp6 `chunks({ recycle: true })`",
      peer: "`net` with `onread`, the floor",
      metric: "whole",
    },
    {
      name: "receive-web",
      work: "bulk receive, WHATWG `readable`",
      subject: "tcp6 `readable`",
      peer: "`Duplex.toWeb`",
      metric: "whole",
      must: 0.5,
      aim: 0.35,
    },
    {
      name: "receive-duplex",
      work: "bulk receive, `'data'` of the `duplex`",
      subject: "tcp6 `duplex`",
      peer: "`'data'`",
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
