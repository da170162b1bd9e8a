import type { X509Certificate } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import process from "node:process";
import { connect, formatEndpoint, NetError } from "../index.js";
import type { AttemptEvent, Connection, LookupEvent } from "../index.js";
import type { Arguments, Command } from "./arguments.js";
import {
  connectOptionsOf,
  endpointOf,
  FAMILY_OPTIONS,
  peerOf,
  TIMEOUT_OPTION,
  TLS_OPTIONS,
} from "./client.js";
import { complain, REPORT_OPTIONS, sentenceOf } from "./report.js";
import { glossary, shownTime, terminalOf, visible } from "./terminal.js";
import { dayOf, daysUntil, now } from "./time.js";
import { waterfall, type Bar } from "./waterfall.js";

const FAILED = 1;
const INTERRUPTED = 130;

export const PROBE: Command = {
  name: "probe",
  usage: ["HOST PORT [--tls]", "ENDPOINT [--tls]"],
  summary: "connect, and draw how long lookup, race and handshake took, and who answered",
  about: [
    "Connects, draws lookup, race and TLS handshake as bars below each other, and says who answered. No byte is " +
      "sent but those of the handshake. Ctrl-C draws what has happened so far.",
  ],
  options: {
    tls: { says: "with a TLS handshake, and what it has agreed on" },
    ...FAMILY_OPTIONS,
    ...TIMEOUT_OPTION,
    "attempt-delay": { takes: "TIME", says: "until the next address is tried beside the last; 250ms" },
    ...TLS_OPTIONS,
    json: { says: "one object on one line, in place of the picture" },
    help: REPORT_OPTIONS.help,
  },
  positionals: [1, 2],
  run: probe,
};

/** An address that was tried; times are in ms since the call. */
interface Attempt {
  readonly address: string;
  readonly port: number | undefined;
  readonly family: 4 | 6 | undefined;
  readonly begun: number;
  ended: number;
  outcome: "connected" | "failed" | "given up";
  error?: unknown;
}

/** What the diagnostics channels tell of one call. */
interface Trace {
  lookup?: LookupEvent;
  readonly attempts: Map<string, Attempt>;
}

async function probe(given: Arguments): Promise<number> {
  const at = endpointOf(given.positionals);
  const options = connectOptionsOf(given, at, "tls");
  const attemptDelay = given.time("attempt-delay");
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  process.once("SIGINT", stop);
  const { signal } = interrupt;
  const { trace, untrace } = traced();
  const begun = now();
  let connection: Connection | undefined;
  let error: unknown;
  try {
    // The peer has said nothing that would be worth waiting for its end.
    const all = {
      ...options,
      ...(attemptDelay === undefined ? {} : { attemptDelay }),
      signal,
      lingerTimeout: 0,
    };
    connection = await connect(at, all);
  } catch (failure) {
    error = failure;
    if (!signal.aborted && !(failure instanceof NetError)) throw failure;
  } finally {
    untrace();
    process.off("SIGINT", stop);
  }
  const elapsed = now() - begun;
  const outcome = { trace, connection, error, elapsed, isSecure: options.tls !== undefined };
  if (given.has("json")) process.stdout.write(`${JSON.stringify(factsOf(outcome))}\n`);
  else show(outcome);
  await connection?.close();
  if (error !== undefined && !given.has("json")) {
    complain(signal.aborted ? "interrupted" : sentenceOf(error));
  }
  return signal.aborted ? INTERRUPTED : error === undefined ? 0 : FAILED;
}

/** Listens to the diagnostics channels: there is one call in this process. */
function traced(): { trace: Trace; untrace: () => void } {
  const trace: Trace = { attempts: new Map<string, Attempt>() };
  const end = (outcome: Attempt["outcome"]) => (event: unknown) => {
    const { address, elapsed, error } = event as AttemptEvent;
    const attempt = trace.attempts.get(address);
    if (attempt !== undefined) Object.assign(attempt, { ended: elapsed, outcome, error });
  };
  const watched: Record<string, (event: unknown) => void> = {
    "tcp6:lookup": (event) => (trace.lookup = event as LookupEvent),
    "tcp6:attempt:start": (event) => {
      const { address, port, family, elapsed } = event as AttemptEvent;
      const times = { begun: elapsed, ended: elapsed };
      trace.attempts.set(address, { address, port, family, ...times, outcome: "given up" });
    },
    "tcp6:attempt:fail": end("failed"),
    "tcp6:attempt:lose": end("given up"),
    "tcp6:attempt:win": end("connected"),
  };
  for (const [name, tell] of Object.entries(watched)) subscribe(name, tell);
  const untrace = (): void => {
    for (const [name, tell] of Object.entries(watched)) unsubscribe(name, tell);
  };
  return { trace, untrace };
}

interface Outcome {
  readonly trace: Trace;
  readonly connection: Connection | undefined;
  readonly error: unknown;
  readonly elapsed: number;
  readonly isSecure: boolean;
}

function show(outcome: Outcome): void {
  const screen = terminalOf(process.stdout);
  const bars = barsOf(outcome);
  const lines = bars.length === 0 ? [] : waterfall(bars, screen);
  const { connection, elapsed } = outcome;
  if (connection !== undefined) {
    lines.push("", ...glossary(answerOf(connection, elapsed), screen.columns));
  }
  if (lines.length > 0) process.stdout.write(`${lines.join("\n")}\n`);
}

function barsOf({ trace, connection, error, elapsed, isSecure }: Outcome): Bar[] {
  const bars: Bar[] = [];
  const { lookup, attempts } = trace;
  if (lookup !== undefined) {
    const { addresses, error: failure } = lookup;
    const isFound = addresses !== undefined;
    const found = `${String(addresses?.length ?? 0)} address${addresses?.length === 1 ? "" : "es"}`;
    const end = isFound ? "done" : failure instanceof NetError ? "failed" : "given up";
    const words = isFound ? ([found, found] as const) : wordsOf(failure);
    bars.push({ label: "lookup", begun: 0, ended: lookup.elapsed, end, words });
  }
  for (const { address, begun, ended, outcome, error: failure } of attempts.values()) {
    const end = outcome === "connected" ? "done" : outcome;
    const words = outcome === "failed" ? wordsOf(failure) : ([outcome, outcome] as const);
    bars.push({ label: address, begun, ended, end, words });
  }
  const won = [...attempts.values()].find(({ outcome }) => outcome === "connected");
  if (isSecure && won !== undefined) {
    const { protocol = "", alpnProtocol } = connection?.tls ?? {};
    const agreed = alpnProtocol === undefined ? protocol : `${protocol}, ${visible(alpnProtocol)}`;
    const end = connection !== undefined ? "done" : error instanceof NetError ? "failed" : "given up";
    const words = connection === undefined ? wordsOf(error) : ([agreed, protocol] as const);
    // The clock of the events has begun a little later than ours.
    bars.push({ label: "TLS", begun: won.ended, ended: Math.max(won.ended, elapsed), end, words });
  }
  return bars;
}

/** Why something has failed: the reason and the code, or the code alone. */
function wordsOf(error: unknown): readonly [string, string] {
  if (!(error instanceof NetError)) return ["given up", "given up"];
  const { message, code } = error;
  // The reason of the attempt itself has no colon in it, unless a library has written it.
  const reason = message.slice(message.lastIndexOf(": ") + 2);
  return [visible(reason), code];
}

function answerOf(connection: Connection, elapsed: number): [string, string][] {
  const { localAddress, localPort, tls } = connection;
  const answer: [string, string][] = [
    ["answered", `${visible(peerOf(connection))}, after ${shownTime(elapsed)}`],
  ];
  if (localAddress !== undefined && localPort !== undefined) {
    answer.push(["our end", formatEndpoint({ host: localAddress, port: localPort })]);
  }
  if (tls === undefined) return answer;
  const { protocol, cipher, alpnProtocol, authorizationError, peerCertificate } = tls;
  const alpn = alpnProtocol === undefined ? "no ALPN" : `ALPN ${visible(alpnProtocol)}`;
  answer.push(["TLS", `${protocol}, ${cipher.standardName}, ${alpn}`]);
  if (peerCertificate !== undefined) {
    const { subject, issuer, until, days } = factsOfCertificate(peerCertificate);
    const left = days < 0 ? "which has passed" : `${String(days)} more day${days === 1 ? "" : "s"}`;
    answer.push(
      ["subject", visible(subject)],
      ["issuer", visible(issuer)],
      ["valid until", `${until}, ${left}`],
    );
  }
  answer.push(["trusted", authorizationError === undefined ? "yes" : `no: ${authorizationError}`]);
  return answer;
}

function factsOfCertificate({ subject, issuer, subjectAltName, validTo }: X509Certificate) {
  const names = subjectAltName?.replaceAll(/\b(?:DNS|IP Address):/g, "");
  return {
    subject: names ?? nameIn(subject),
    issuer: nameIn(issuer),
    until: dayOf(validTo),
    days: daysUntil(validTo),
  };
}

/** The common name, or all there is. */
function nameIn(text: string | undefined): string {
  const name = /^CN=(.*)$/m.exec(text ?? "")?.[1];
  return name ?? (text ?? "").replaceAll("\n", ", ");
}

function factsOf({ trace, connection, error, elapsed }: Outcome): object {
  const { lookup, attempts } = trace;
  const { localAddress, localPort, remoteAddress, remotePort, tls } = connection ?? {};
  return {
    ok: connection !== undefined,
    elapsed: rounded(elapsed),
    lookup: lookup && {
      elapsed: rounded(lookup.elapsed),
      addresses: lookup.addresses?.map(({ address }) => address),
      code: codeOf(lookup.error),
    },
    attempts: [...attempts.values()].map(({ begun, ended, error: failure, ...attempt }) => ({
      ...attempt,
      begun: rounded(begun),
      ended: rounded(ended),
      code: codeOf(failure),
    })),
    ...{ localAddress, localPort, remoteAddress, remotePort },
    tls: tls && {
      protocol: tls.protocol,
      cipher: tls.cipher.standardName,
      alpnProtocol: tls.alpnProtocol,
      servername: tls.servername,
      authorized: tls.authorized,
      authorizationError: tls.authorizationError,
      certificate: tls.peerCertificate && factsOfCertificate(tls.peerCertificate),
    },
    error: error instanceof NetError ? error.toJSON() : undefined,
  };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof NetError ? error.code : undefined;
}

/** To a microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
