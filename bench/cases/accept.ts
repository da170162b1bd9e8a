import type { Case, Load, Scale } from "../case.js";
import type { Over } from "../over.js";
import { during, wrk } from "../traffic.js";

/** Connections at a time: fewer than in `exchange`, so that the ports of closed ones are not used up. */
const CONNECTIONS = 10;
const WORK = "accept, one exchange, close";
const FLOOR = "a handle with `onread`";

export const accept: Case = {
  name: "accept",
  title: WORK,
  unit: { name: "µs per connection", size: 1 },
  needs: "wrk",
  warmUp: 8,
  contestants: [
    { name: FLOOR, module: "accept/onread" },
    { name: "`net` callbacks", module: "accept/net" },
    { name: "tcp6", module: "accept/tcp6" },
    { name: "`for await` over a socket", module: "accept/for-await", extra: true },
  ],
  rows: [
    {
      name: "accept",
      work: WORK,
      subject: "tcp6",
      floor: FLOOR,
      peers: ["`net` callbacks"],
      metric: "whole",
      must: 1.1,
      aim: 1,
    },
  ],
  load: (scale) => arrivals("tcp", scale),
};

/** Requests, each over a connection of its own if it is answered so. */
export function arrivals(over: Over, scale: Scale): Promise<Load> {
  return Promise.resolve(during(scale, (port) => wrk(port, CONNECTIONS, over)));
}
