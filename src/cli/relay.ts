import { connect, listen, relay } from "../index.js";
import type { ConnectEndpoint, Connection, ConnectOptions, Handler, ProxyHeader } from "../index.js";
import type { Arguments, Command } from "./arguments.js";
import {
  connectOptionsOf,
  endpointOf,
  FAMILY_OPTIONS,
  peerOf,
  serverTlsOf,
  TIMEOUT_OPTION,
  TLS_OPTIONS,
} from "./client.js";
import { Report, REPORT_OPTIONS } from "./report.js";
import { announce, graceOf, listenOptionsOf, SERVE_OPTIONS, serveUntilSignal } from "./serving.js";
import { shownBytes, shownTime } from "./terminal.js";
import { now } from "./time.js";

export const RELAY: Command = {
  name: "relay",
  usage: ["LISTEN TARGET [--proxy-header v1|v2] [--tls CERT KEY] [--target-tls]"],
  summary: "connect each client of one endpoint to another endpoint",
  about: [
    "Listens, connects to TARGET for each client, and passes bytes on in both directions, ends too, until Ctrl-C. LISTEN may " +
      "be a port or a service alone. A client whose TARGET cannot be reached is reset.",
  ],
  options: {
    "proxy-header": { takes: "v1|v2", says: "tell the target who the client is, by a PROXY header" },
    timeout: { takes: "TIME", says: "end a client when no byte has moved for so long; none" },
    tls: { takes: "CERT KEY", says: "TLS with clients: the files of a certificate and of its key" },
    "target-tls": { says: "TLS with the target" },
    ...FAMILY_OPTIONS,
    ...TIMEOUT_OPTION,
    ...TLS_OPTIONS,
    ...SERVE_OPTIONS,
    ...REPORT_OPTIONS,
  },
  positionals: [2, 2],
  run: runRelay,
};

async function runRelay(given: Arguments): Promise<number> {
  const report = new Report(given);
  const [at, target] = given.positionals.map((text) => endpointOf([text])) as [
    ConnectEndpoint,
    ConnectEndpoint,
  ];
  const connectOptions = connectOptionsOf(given, target, "target-tls");
  const version = given.word("proxy-header", ["v1", "v2"]);
  const idleTimeout = given.time("timeout") ?? Infinity;
  const grace = graceOf(given);
  const tls = serverTlsOf(given);
  await checkTarget(target, connectOptions);
  const listener = await listen(at, { ...listenOptionsOf(given), ...(tls === undefined ? {} : { tls }) });
  announce(listener, report);
  const handler: Handler = async (client, { signal }) => {
    const begun = now();
    report.detail("accepted", client.toJSON(), `${peerOf(client)} has connected`);
    try {
      const proxyHeader = version && headerFor(client, version === "v1" ? 1 : 2);
      const header = proxyHeader === undefined ? {} : { proxyHeader };
      const server = await connect(target, { ...connectOptions, ...header, signal });
      await relay(client, server, { idleTimeout, signal });
    } finally {
      closed(client, now() - begun, report);
    }
  };
  return await serveUntilSignal(listener, handler, grace, report);
}

/** Rejects with what `connect` refuses before it does anything: it is told now, and not at the first client. */
async function checkTarget(target: ConnectEndpoint, options: ConnectOptions): Promise<void> {
  const signal = AbortSignal.abort();
  try {
    await connect(target, { ...options, signal });
  } catch (error) {
    if (error !== signal.reason) throw error;
  }
}

/** A client of a Unix socket has no address to tell of. */
function headerFor(client: Connection, version: 1 | 2): ProxyHeader {
  const { localAddress, localPort, remoteAddress, remotePort } = client;
  if (localAddress === undefined || localPort === undefined) return "local";
  if (remoteAddress === undefined || remotePort === undefined) return "local";
  return {
    version,
    sourceAddress: withoutZone(remoteAddress),
    sourcePort: remotePort,
    destinationAddress: withoutZone(localAddress),
    destinationPort: localPort,
  };
}

function withoutZone(address: string): string {
  return address.replace(/%.*$/, "");
}

function closed(client: Connection, duration: number, report: Report): void {
  const { bytesRead, bytesWritten } = client;
  const counts = `${shownBytes(bytesRead)} there, ${shownBytes(bytesWritten)} back`;
  const facts = { name: client.toString(), bytesRead, bytesWritten, duration: Math.round(duration) };
  report.detail("closed", facts, `${peerOf(client)}: ${counts}, ${shownTime(duration)}`);
}
