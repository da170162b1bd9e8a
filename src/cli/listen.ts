import { listen, type Connection, type Handler } from "../index.js";
import { UsageError, type Arguments, type Command } from "./arguments.js";
import { endpointOf, peerOf, securityOf, serverTlsOf } from "./client.js";
import { EXCHANGE_OPTIONS, exchangeOptionsOf, exchangeReported } from "./exchange-reported.js";
import { endAll, execFor } from "./exec.js";
import { Report, REPORT_OPTIONS } from "./report.js";
import { announce, graceOf, listenOptionsOf, SERVE_OPTIONS, serveUntilSignal } from "./serving.js";
import { shownBytes } from "./terminal.js";

export const LISTEN: Command = {
  name: "listen",
  usage: ["ENDPOINT [--tls CERT KEY] [--line | --echo | --exec COMMAND]"],
  summary: "the first client as connect does, or any number of clients with --echo or --exec",
  about: [
    "Listens, and exchanges stdin and stdout with the first client, as connect does; others are reset. With --echo and --exec " +
      "it serves clients until Ctrl-C. The ENDPOINT may be a port or a service alone: then all addresses of this machine " +
      "are listened on. Port 0 is any free port.",
    "Who can connect can use the COMMAND of --exec: listen on 127.0.0.1, or take a command that is safe for anybody.",
  ],
  options: {
    tls: { takes: "CERT KEY", says: "with TLS: the files of a certificate and of its key" },
    echo: { short: "e", says: "send each client what it sends" },
    exec: {
      short: "x",
      takes: "COMMAND",
      says: "run a command of the shell for each client, on its stdin and stdout",
    },
    ...EXCHANGE_OPTIONS,
    ...SERVE_OPTIONS,
    ...REPORT_OPTIONS,
  },
  positionals: [1, 1],
  run: runListen,
};

async function runListen(given: Arguments): Promise<number> {
  const report = new Report(given);
  const options = exchangeOptionsOf(given);
  const at = endpointOf(given.positionals);
  const [isEcho, command] = [given.has("echo"), given.text("exec")];
  if (isEcho && command !== undefined) throw new UsageError("--echo and --exec exclude each other");
  const isServer = isEcho || command !== undefined;
  const stray = ["line", "timeout"].find((name) => isServer && given.has(name));
  if (stray !== undefined)
    throw new UsageError(`--${stray} is for a single client, without --echo and --exec`);
  const grace = graceOf(given);
  const tls = serverTlsOf(given);
  const listener = await listen(at, { ...listenOptionsOf(given), ...(tls === undefined ? {} : { tls }) });
  announce(listener, report);
  if (!isServer) {
    const connection = await listener.accept({ timeout: Infinity });
    await listener.close();
    opened(connection, report);
    return await exchangeReported(connection, options, report);
  }
  const handler: Handler = async (connection, { signal }) => {
    opened(connection, report);
    let outcome = "";
    try {
      if (command === undefined) await echo(connection);
      else outcome = `, ${await execFor(connection, command, signal)}`;
    } finally {
      closed(connection, report, outcome);
    }
  };
  return await serveUntilSignal(listener, handler, grace, report, endAll);
}

async function echo(connection: Connection): Promise<void> {
  for await (const chunk of connection.chunks({ recycle: true })) await connection.write(chunk);
  await connection.closeWrite();
}

function opened(connection: Connection, report: Report): void {
  report.detail(
    "accepted",
    connection.toJSON(),
    `${peerOf(connection)} has connected${securityOf(connection)}`,
  );
}

function closed(connection: Connection, report: Report, outcome: string): void {
  const { bytesRead, bytesWritten } = connection;
  const counts = `sent ${shownBytes(bytesWritten)}, received ${shownBytes(bytesRead)}`;
  const facts = { name: connection.toString(), bytesRead, bytesWritten };
  report.detail("closed", facts, `${peerOf(connection)}: ${counts}${outcome}`);
}
