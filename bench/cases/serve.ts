import type { Case } from "../case.js";
import { arrivals } from "./accept.js";

const WORK = "serve one exchange for each connection";

export const serve: Case = {
  name: "serve",
  title: WORK,
  unit: { name: "µs per connection", size: 1 },
  needs: "wrk",
  warmUp: 8,
  contestants: [
    { name: "`for await` over a listener", module: "serve/loop" },
    { name: "`serve`", module: "serve/serve" },
  ],
  rows: [
    {
      name: "serve",
      work: WORK,
      subject: "`serve`",
      floor: "`for await` over a listener",
      peers: [],
      metric: "whole",
      must: 1.03,
      aim: 1,
    },
  ],
  load: (scale) => arrivals("tcp", scale),
};
