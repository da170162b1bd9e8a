import type { Case, Load, Scale } from "../case.js";
import type { Over } from "../over.js";
import { during, wrk } from "../traffic.js";

const CONNECTIONS = 50;
export const WORK = `small request and response, ${CONNECTIONS} connections`;
const FLOOR = "`net` with `onread`";

/** The usual work of a server: a request arrives, an answer is sent. These rows are the promise of this library. */
export const exchange: Case = {
  name: "exchange",
  title: WORK,
  unit: { name: "µs per request", size: 1 },
  needs: "wrk",
  warmUp: 5,
  contestants: [
    { name: FLOOR, module: "exchange/onread" },
    { name: "`net` callbacks", module: "exchange/net" },
    { name: "tcp6", module: "exchange/tcp6" },
    { name: "`for await` over a socket", module: "exchange/for-await" },
    { name: "Deno", module: "exchange/deno", runtime: "deno", needs: "deno" },
    { name: "tcp6 `read()`", module: "exchange/tcp6-read" },
    { name: "tcp6 `read()` with signal and timeout", module: "exchange/tcp6-read-bounded" },
    { name: "`Duplex.toWeb`", module: "exchange/to-web" },
    { name: "tcp6 `readable` and `writable`", module: "exchange/tcp6-web" },
    { name: "Bun", module: "exchange/bun", runtime: "bun", needs: "bun", extra: true },
    { name: "`node:net/promises`", module: "exchange/net-promises", needs: "node:net/promises", extra: true },
    { name: "`promise-socket`", module: "exchange/promise-socket", needs: "promise-socket", extra: true },
  ],
  rows: [
    {
      name: "exchange-user",
      work: `${WORK}, user CPU`,
      subject: "tcp6",
      floor: FLOOR,
      peers: ["`net` callbacks"],
      metric: "user",
      must: 1.75,
      aim: 1.4,
    },
    {
      name: "exchange",
      work: `${WORK}, whole process`,
      subject: "tcp6",
      floor: FLOOR,
      peers: ["`net` callbacks", "`for await` over a socket", "Deno"],
      metric: "whole",
      must: 1.15,
      aim: 1.05,
    },
    {
      name: "read-bounded",
      work: "read with `signal` and `timeout`",
      subject: "tcp6 `read()` with signal and timeout",
      floor: "tcp6 `read()`",
      peers: [],
      metric: "whole",
      must: 1.25,
      aim: 1.1,
    },
    {
      name: "exchange-web",
      work: `${WORK}, WHATWG streams`,
      subject: "tcp6 `readable` and `writable`",
      floor: FLOOR,
      peers: ["`Duplex.toWeb`"],
      metric: "whole",
    },
  ],
  load: (scale) => requests("tcp", scale),
};

/** Requests over connections that stay open. */
export function requests(over: Over, scale: Scale): Promise<Load> {
  return Promise.resolve(during(scale, (port) => wrk(port, CONNECTIONS, over)));
}
