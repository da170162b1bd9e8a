import process from "node:process";
import type { Connection } from "../index.js";
import type { Arguments, Options } from "./arguments.js";
import { exchange, SilenceError, type ExchangeOptions } from "./exchange.js";
import type { Report } from "./report.js";
import { shownBytes } from "./terminal.js";

export const EXCHANGE_OPTIONS = {
  line: {
    short: "l",
    says: "line by line: lines go out with CR LF and come with LF; with a prompt in a terminal",
  },
  timeout: { takes: "TIME", says: "give up when no byte has moved for so long; none" },
} as const satisfies Options;

const FAILED = 1;

export function exchangeOptionsOf(given: Arguments): ExchangeOptions {
  return { timeout: given.time("timeout") ?? Infinity, isLines: given.has("line") };
}

/** Resolves to the exit status, when stdin and the peer have ended; how that went is reported. */
export async function exchangeReported(
  connection: Connection,
  options: ExchangeOptions,
  report: Report,
): Promise<number> {
  let status = 0;
  let isStuck = false;
  try {
    await exchange(connection, options);
  } catch (error) {
    report.error(error);
    status = FAILED;
    isStuck = error instanceof SilenceError && process.stdout.writableLength > 0;
  }
  const { bytesRead, bytesWritten } = connection;
  const sentence = `sent ${shownBytes(bytesWritten)}, received ${shownBytes(bytesRead)}`;
  report.detail("closed", { bytesRead, bytesWritten }, sentence);
  // What nobody takes from stdout would keep the process alive.
  if (isStuck) process.stderr.write("", () => process.exit(status));
  return status;
}
