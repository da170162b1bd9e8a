/**
 * The programs of other cases, over TLS. `node:tls` with callbacks is the floor: the cipher and Node's own part cost every
 * other program as much.
 */
import type { Case, Contestant, Row } from "../case.js";
import { arrivals } from "./accept.js";
import { answered } from "./connect.js";
import { requests, WORK as SMALL } from "./exchange.js";
import { NODE_OPTIONS, opened } from "./idle.js";
import { sent } from "./receive.js";
import { received } from "./send.js";

const CALLBACKS = "`node:tls` callbacks";
const FOR_AWAIT = "`for await` over a TLSSocket";
const DENO = "Deno";
const TCP6 = "tcp6";
const RECYCLING = "tcp6 `chunks({ recycle: true })`";
/** Without `listen({ tls })`: by `Connection.from` over the sockets of a `tls.Server`. */
const ADOPTED = "tcp6 over an adopted TLSSocket";
const ADOPTED_RECYCLING = "tcp6 `chunks({ recycle: true })` over an adopted TLSSocket";

/** A round has some hundred handshakes, an eighth of the connections that it would have without. */
const HANDSHAKES_WARM_UP = 8;

const EXCHANGE = `TLS: ${SMALL}`;

export const tlsExchange: Case = {
  name: "tls-exchange",
  title: EXCHANGE,
  unit: { name: "µs per request", size: 1 },
  needs: "wrk",
  warmUp: 5,
  contestants: [
    overTls(CALLBACKS, "exchange/net"),
    overTls(FOR_AWAIT, "exchange/for-await"),
    { ...overTls(DENO, "exchange/deno"), runtime: "deno", needs: "deno" },
    overTls(TCP6, "exchange/tcp6"),
    adopted(ADOPTED, "exchange/tcp6"),
  ],
  rows: [
    { ...row("tls-exchange", EXCHANGE, TCP6, CALLBACKS, [FOR_AWAIT, DENO]), must: 1.05, aim: 1 },
    { ...row("tls-exchange-adopted", `${EXCHANGE}, adopted`, ADOPTED, CALLBACKS), must: 1.1, aim: 1 },
  ],
  load: (scale) => requests("tls", scale),
};

const RECEIVE = "TLS: bulk receive, `for await`";
const RECYCLE = "TLS: bulk receive, `chunks({ recycle: true })`";

export const tlsReceive: Case = {
  name: "tls-receive",
  title: "TLS: bulk receive",
  unit: { name: "ms per GB", size: 1_000 },
  contestants: [
    overTls(CALLBACKS, "receive/net"),
    overTls(FOR_AWAIT, "receive/for-await"),
    { ...overTls(DENO, "receive/deno"), runtime: "deno", needs: "deno" },
    overTls(TCP6, "receive/tcp6"),
    overTls(RECYCLING, "receive/tcp6-recycle"),
    adopted(ADOPTED, "receive/tcp6"),
    adopted(ADOPTED_RECYCLING, "receive/tcp6-recycle"),
  ],
  rows: [
    { ...row("tls-receive", RECEIVE, TCP6, CALLBACKS, [FOR_AWAIT, DENO]), must: 1.05, aim: 1 },
    { ...row("tls-receive-recycle", RECYCLE, RECYCLING, CALLBACKS), must: 0.9, aim: 0.8 },
    { ...row("tls-receive-adopted", `${RECEIVE}, adopted`, ADOPTED, CALLBACKS), must: 1.1, aim: 1 },
    row("tls-receive-recycle-adopted", `${RECYCLE}, adopted`, ADOPTED_RECYCLING, CALLBACKS),
  ],
  load: (scale) => sent("tls", scale),
};

const SEND = "TLS: bulk send, awaited 64 KiB writes";

export const tlsSend: Case = {
  name: "tls-send",
  title: SEND,
  unit: { name: "ms per GB", size: 1_000 },
  contestants: [overTls(CALLBACKS, "send/net"), overTls(TCP6, "send/tcp6"), adopted(ADOPTED, "send/tcp6")],
  rows: [
    { ...row("tls-send", SEND, TCP6, CALLBACKS), must: 1.1, aim: 1 },
    { ...row("tls-send-adopted", `${SEND}, adopted`, ADOPTED, CALLBACKS), must: 1.1, aim: 1 },
  ],
  load: (scale) => received("tls", scale),
};

const ACCEPT = "TLS: accept, handshake, one exchange, close";

export const tlsAccept: Case = {
  name: "tls-accept",
  title: ACCEPT,
  unit: { name: "µs per connection", size: 1 },
  needs: "wrk",
  warmUp: HANDSHAKES_WARM_UP,
  contestants: [
    overTls(CALLBACKS, "accept/net"),
    overTls(FOR_AWAIT, "accept/for-await"),
    overTls(TCP6, "accept/tcp6"),
    adopted(ADOPTED, "accept/tcp6"),
  ],
  rows: [
    { ...row("tls-accept", ACCEPT, TCP6, CALLBACKS, [FOR_AWAIT]), must: 1.2, aim: 1.1 },
    row("tls-accept-adopted", `${ACCEPT}, adopted`, ADOPTED, CALLBACKS),
  ],
  load: (scale) => arrivals("tls", scale),
};

const CONNECT = "TLS: connect, handshake, one exchange, close";
const CONNECT_CA = "`tls.connect({ ca })` and events";
const CONNECT_KEPT = "`tls.connect`, context and session kept by hand";
const TCP6_NEW = "tcp6, options made anew";

export const tlsConnect: Case = {
  name: "tls-connect",
  title: CONNECT,
  unit: { name: "µs per connection", size: 1 },
  warmUp: HANDSHAKES_WARM_UP,
  contestants: [
    overTls(CONNECT_CA, "connect/tls"),
    overTls(CONNECT_KEPT, "connect/tls-kept"),
    overTls(TCP6, "connect/tcp6-tls"),
    overTls(TCP6_NEW, "connect/tcp6-tls-new"),
  ],
  rows: [
    { ...row("tls-connect", CONNECT, TCP6, CONNECT_KEPT, [CONNECT_CA]), must: 1.2, aim: 1.1 },
    { ...row("tls-connect-new", `${CONNECT}, options made anew`, TCP6_NEW, CONNECT_CA), must: 1.2, aim: 1.1 },
  ],
  load: (scale) => answered("tls", scale),
};

const IDLE = "TLS: idle connection being read, heap + external";

export const tlsIdle: Case = {
  name: "tls-idle",
  title: "TLS: memory of an idle connection that is being read",
  unit: { name: "KiB per connection", size: 1_024 },
  fresh: true,
  contestants: [
    { ...overTls(CALLBACKS, "idle/net"), nodeOptions: NODE_OPTIONS },
    { ...overTls(FOR_AWAIT, "idle/for-await"), nodeOptions: NODE_OPTIONS },
    { ...overTls(TCP6, "idle/tcp6"), nodeOptions: NODE_OPTIONS },
    { ...adopted(ADOPTED, "idle/tcp6"), nodeOptions: NODE_OPTIONS },
  ],
  rows: [
    { ...row("tls-idle", IDLE, TCP6, CALLBACKS, [FOR_AWAIT]), metric: "memory", must: 1.7, aim: 1.55 },
    { ...row("tls-idle-adopted", `${IDLE}, adopted`, ADOPTED, CALLBACKS, [FOR_AWAIT]), metric: "memory" },
  ],
  load: (scale) => opened("tls", scale),
};

function overTls(name: string, module: string): Contestant {
  return { name, module, over: "tls" };
}

function adopted(name: string, module: string): Contestant {
  return { name, module, over: "adopted-tls" };
}

function row(name: string, work: string, subject: string, floor: string, peers: readonly string[] = []): Row {
  return { name, work, subject, floor, peers, metric: "whole" };
}
