import type { Case } from "../case.js";
import { accept } from "./accept.js";
import { connect } from "./connect.js";
import { exchange } from "./exchange.js";
import { framed } from "./framed.js";
import { idle } from "./idle.js";
import { lines } from "./lines.js";
import { listening } from "./listening.js";
import { receive } from "./receive.js";
import { relay } from "./relay.js";
import { requests } from "./requests.js";
import { send } from "./send.js";
import { serve } from "./serve.js";
import { smallWrites } from "./small-writes.js";
import { turnWrites } from "./turn-writes.js";
import { tlsAccept, tlsConnect, tlsExchange, tlsIdle, tlsReceive, tlsSend } from "./tls.js";

/** In the order of the table. */
export const cases: readonly Case[] = [
  exchange,
  lines,
  framed,
  requests,
  receive,
  relay,
  send,
  smallWrites,
  turnWrites,
  accept,
  serve,
  connect,
  idle,
  listening,
  tlsExchange,
  tlsReceive,
  tlsSend,
  tlsAccept,
  tlsConnect,
  tlsIdle,
];
