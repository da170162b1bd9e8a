import type { Case, Load, Scale } from "../case.js";
import { costOf } from "../cost.js";
import { FRAME_BYTES, MESSAGE_BYTES } from "../frame.js";
import { Program } from "../program.js";

const WORK = `messages of ${MESSAGE_BYTES} bytes, each with its length before it`;
const FLOOR = "parsing by hand, awaited";
const COUNT = 4_000_000;

export const framed: Case = {
  name: "framed",
  title: WORK,
  unit: { name: "µs per message", size: 1 },
  warmUp: 4,
  contestants: [
    { name: FLOOR, module: "framed/settled" },
    { name: "parsing by hand in `'data'`", module: "framed/net" },
    { name: "tcp6 `framed` with `lengthPrefix()`", module: "framed/tcp6" },
    { name: "tcp6 `framed` in batches", module: "framed/tcp6-batch" },
    { name: "tcp6 `lengthPrefixed`", module: "framed/tcp6-length-prefixed" },
    { name: "tcp6 `framed` with a codec of the program's", module: "framed/tcp6-own-codec" },
    {
      name: "tcp6 `framed` with a codec of the program's, in batches",
      module: "framed/tcp6-own-codec-batch",
      extra: true,
    },
    {
      name: "parsing by hand, messages are views of the chunk",
      module: "framed/net-views",
      extra: true,
    },
  ],
  rows: [
    {
      name: "framed",
      work: WORK,
      subject: "tcp6 `framed` with `lengthPrefix()`",
      floor: FLOOR,
      peers: ["parsing by hand in `'data'`", "tcp6 `lengthPrefixed`"],
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
    {
      name: "framed-batch",
      work: `${WORK}, in batches`,
      subject: "tcp6 `framed` in batches",
      floor: "parsing by hand in `'data'`",
      peers: ["tcp6 `framed` with `lengthPrefix()`"],
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
    {
      name: "framed-own-codec",
      work: `${WORK}, a codec of the program's`,
      subject: "tcp6 `framed` with a codec of the program's",
      floor: FLOOR,
      peers: ["parsing by hand in `'data'`"],
      metric: "whole",
    },
  ],
  load: sent,
};

/** A connection that sends messages. */
async function sent({ part }: Scale): Promise<Load> {
  const bytes = Math.round(COUNT * part) * FRAME_BYTES;
  const [framer] = await Program.load("framer");
  return {
    args: [],
    measure: (stage, port) => costOf(stage, () => framer.ask("send", { port, bytes })),
    end: () => framer.end(),
  };
}
