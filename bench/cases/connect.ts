import type { Case, Load, Scale } from "../case.js";
import { costOf } from "../cost.js";
import type { Over } from "../over.js";
import { Program } from "../program.js";

/** Connections in a measurement: so few that the ports of closed ones are not used up. */
const COUNT = 8_000;
const COUNT_TLS = 2_000;
const WORK = "connect, one exchange, close";
const FLOOR = "`net.connect` with `onread`";

export const connect: Case = {
  name: "connect",
  title: WORK,
  unit: { name: "µs per connection", size: 1 },
  warmUp: 5,
  contestants: [
    { name: FLOOR, module: "connect/onread" },
    { name: "`net.connect` and events", module: "connect/net" },
    { name: "tcp6", module: "connect/tcp6" },
  ],
  rows: [
    {
      name: "connect",
      work: WORK,
      subject: "tcp6",
      floor: FLOOR,
      peers: ["`net.connect` and events"],
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
  ],
  load: (scale) => answered("tcp", scale),
};

/** A server that answers once on each connection. */
export async function answered(over: Over, { part }: Scale): Promise<Load> {
  const [answerer, { port = 0 }] = await Program.load("answerer", over);
  const count = Math.round((over === "tcp" ? COUNT : COUNT_TLS) * part);
  return {
    args: [],
    measure: (stage) => costOf(stage, () => stage.ask("run", { port, count })),
    end: () => answerer.end(),
  };
}
