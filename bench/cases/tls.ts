/**
 * The programs of other cases, over TLS. `node:tls` with callbacks is the floor: the cipher and Node's own part cost every
 * other program as much.
 */
import type { Case, Contestant, Row } from "../case.js";
import { arrivals } from "./accept.js";
import { requests, WORK as EXCHANGE } from "./exchange.js";
import { NODE_OPTIONS, opened } from "./idle.js";
import { sent } from "./receive.js";
import { received } from "./send.js";

const CALLBACKS = "`node:tls` callbacks";
const FOR_AWAIT = "`for await` over a TLSSocket";
const DENO = "Deno, TLS";
const ADOPTED = "tcp6 `Connection.from(tlsSocket)`";
const IDLE = "TLS: idle connection being read, heap + external";
const ADOPTED_RECYCLING = "tcp6 `Connection.from(tlsSocket)`, `chunks({ recycle: true })`";

export const tlsExchange: Case = {
  name: "tls-exchange",
  title: `TLS: ${EXCHANGE}`,
  unit: { name: "µs per request", size: 1 },
  needs: "wrk",
  warmUp: 6,
  contestants: [
    overTls(CALLBACKS, "exchange/net"),
    overTls(FOR_AWAIT, "exchange/for-await"),
    { ...overTls(DENO, "exchange/deno"), runtime: "deno", needs: "deno" },
    { ...overTls(ADOPTED, "exchange/tcp6"), over: "adopted-tls" },
  ],
  rows: [
    row("tls-exchange-adopted", `TLS: ${EXCHANGE}`, ADOPTED, CALLBACKS, 1.1, 1.05),
    row("tls-exchange-for-await", `TLS: ${EXCHANGE}`, ADOPTED, FOR_AWAIT),
    row("tls-exchange-deno", `TLS: ${EXCHANGE}`, ADOPTED, DENO),
  ],
  load: (scale) => requests("tls", scale),
};

export const tlsReceive: Case = {
  name: "tls-receive",
  title: "TLS: bulk receive",
  unit: { name: "ms per GB", size: 1_000 },
  contestants: [
    overTls(CALLBACKS, "receive/net"),
    overTls(FOR_AWAIT, "receive/for-await"),
    { ...overTls(DENO, "receive/deno"), runtime: "deno", needs: "deno" },
    { ...overTls(ADOPTED, "receive/tcp6"), over: "adopted-tls" },
    { ...overTls(ADOPTED_RECYCLING, "receive/tcp6-recycle"), over: "adopted-tls" },
  ],
  rows: [
    row("tls-receive-adopted", "TLS: bulk receive, `for await`", ADOPTED, CALLBACKS, 1.1, 1.05),
    row(
      "tls-receive-recycle-adopted",
      "TLS: bulk receive, `chunks({ recycle: true })`",
      ADOPTED_RECYCLING,
      CALLBACKS,
      1.1,
      0.9,
    ),
  ],
  load: (scale) => sent("tls", scale),
};

export const tlsSend: Case = {
  name: "tls-send",
  title: "TLS: bulk send, awaited 64 KiB writes",
  unit: { name: "ms per GB", size: 1_000 },
  contestants: [overTls(CALLBACKS, "send/net"), { ...overTls(ADOPTED, "send/tcp6"), over: "adopted-tls" }],
  rows: [row("tls-send-adopted", "TLS: bulk send, awaited 64 KiB writes", ADOPTED, CALLBACKS, 1.1, 1.05)],
  load: (scale) => received("tls", scale),
};

export const tlsAccept: Case = {
  name: "tls-accept",
  title: "TLS: accept, handshake, one exchange, close",
  unit: { name: "µs per connection", size: 1 },
  needs: "wrk",
  warmUp: 6,
  contestants: [
    overTls(CALLBACKS, "accept/net"),
    overTls(FOR_AWAIT, "accept/for-await"),
    { ...overTls(ADOPTED, "accept/tcp6"), over: "adopted-tls" },
  ],
  rows: [
    row("tls-accept-adopted", "TLS: accept, handshake, one exchange, close", ADOPTED, CALLBACKS, 1.2, 1.1),
  ],
  load: (scale) => arrivals("tls", scale),
};

export const tlsIdle: Case = {
  name: "tls-idle",
  title: "TLS: memory of an idle connection that is being read",
  unit: { name: "KiB per connection", size: 1_024 },
  fresh: true,
  contestants: [
    { ...overTls(CALLBACKS, "idle/net"), nodeOptions: NODE_OPTIONS },
    { ...overTls(FOR_AWAIT, "idle/for-await"), nodeOptions: NODE_OPTIONS },
    { ...overTls(ADOPTED, "idle/tcp6"), over: "adopted-tls", nodeOptions: NODE_OPTIONS },
  ],
  rows: [
    { ...row("tls-idle-adopted", IDLE, ADOPTED, FOR_AWAIT, 1.1, 1), metric: "memory" },
    { ...row("tls-idle-adopted-callbacks", IDLE, ADOPTED, CALLBACKS), metric: "memory" },
  ],
  load: (scale) => opened("tls", scale),
};

function overTls(name: string, module: string): Contestant {
  return { name, module, over: "tls" };
}

function row(name: string, work: string, subject: string, peer: string, must?: number, aim?: number): Row {
  const asked = must === undefined || aim === undefined ? {} : { must, aim };
  return { name, work, subject, peer, metric: "whole", ...asked };
}
