import { connect } from "../index.js";
import type { Arguments, Command } from "./arguments.js";
import {
  connectOptionsOf,
  endpointOf,
  FAMILY_OPTIONS,
  peerOf,
  securityOf,
  TIMEOUT_OPTION,
  TLS_OPTIONS,
} from "./client.js";
import { EXCHANGE_OPTIONS, exchangeOptionsOf, exchangeReported } from "./exchange-reported.js";
import { Report, REPORT_OPTIONS } from "./report.js";

export const CONNECT: Command = {
  name: "connect",
  usage: ["ENDPOINT [--tls] [--line]", "HOST PORT [--tls] [--line]"],
  summary: "stdin to the peer, and what the peer sends to stdout",
  about: [
    "Connects, sends stdin to the peer, and writes what the peer sends to stdout. The end of stdin ends the one direction, " +
      "the end of the peer's stream the other.",
  ],
  options: {
    tls: { says: "with TLS" },
    ...EXCHANGE_OPTIONS,
    ...FAMILY_OPTIONS,
    ...TIMEOUT_OPTION,
    ...TLS_OPTIONS,
    ...REPORT_OPTIONS,
  },
  positionals: [1, 2],
  run: runConnect,
};

async function runConnect(given: Arguments): Promise<number> {
  const report = new Report(given);
  const options = exchangeOptionsOf(given);
  const at = endpointOf(given.positionals);
  const connection = await connect(at, connectOptionsOf(given, at, "tls"));
  const sentence = `connected to ${peerOf(connection)}${securityOf(connection)}`;
  report.detail("connected", connection.toJSON(), sentence);
  return await exchangeReported(connection, options, report);
}
