/**
 * Connects, and draws how it went: a bar for the lookup and one for each address that was tried, from when it was begun to
 * how it ended.
 *
 *     npx tsx examples/probe.ts HOST PORT [--timeout MILLISECONDS]
 *
 * It shows what the diagnostics channels tell (docs/connecting.md). Its status is 0 if it has connected, 1 if it could not.
 */
import { subscribe } from "node:diagnostics_channel";
import { parseArgs } from "node:util";
import { connect, NetError, type AttemptEvent, type LookupEvent } from "tcp6";

/** The lookup, or an attempt to connect to one address; times are in ms since the call. */
interface Bar {
  readonly label: string;
  readonly begun: number;
  ended: number;
  /** How its end is drawn. */
  mark: string;
  outcome: string;
}

const bars = new Map<string, Bar>();

watch("tcp6:lookup", ({ elapsed, addresses = [], error }) => {
  const outcome = error === undefined ? `${addresses.length} found` : reason(error);
  const mark = error === undefined ? "|" : "x";
  bars.set("lookup", { label: "lookup", begun: 0, ended: elapsed, mark, outcome });
});
watch("tcp6:attempt:start", ({ address, elapsed }) => {
  bars.set(address, { label: address, begun: elapsed, ended: elapsed, mark: "", outcome: "" });
});
watch("tcp6:attempt:fail", ({ address, elapsed, error }) => {
  end(address, elapsed, "x", reason(error));
});
watch("tcp6:attempt:lose", ({ address, elapsed }) => {
  end(address, elapsed, "-", "given up");
});
watch("tcp6:attempt:win", ({ address, elapsed }) => {
  end(address, elapsed, ">", "connected");
});

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { timeout: { type: "string", default: "10000" } },
});
const [host, port] = positionals;
if (host === undefined || port === undefined) {
  console.error("usage: npx tsx examples/probe.ts HOST PORT [--timeout MILLISECONDS]");
  process.exitCode = 2;
} else {
  const verdict = await probe(host, port, Number(values.timeout));
  const lines = chart(process.stdout.isTTY ? process.stdout.columns : 80);
  console.log(lines.length === 0 ? verdict : [...lines, "", verdict].join("\n"));
}

async function probe(host: string, port: string, timeout: number): Promise<string> {
  try {
    const connection = await connect(host, port, { timeout });
    connection.reset(); // No byte was sent, so none can be lost.
    return `connected to ${String(connection.remoteAddress)}, port ${String(connection.remotePort)}`;
  } catch (error) {
    process.exitCode = 1;
    if (!(error instanceof NetError)) throw error;
    return error.message;
  }
}

function watch(channel: string, told: (event: AttemptEvent & LookupEvent) => void): void {
  subscribe(channel, (event) => told(event as AttemptEvent & LookupEvent));
}

function end(address: string, ended: number, mark: string, outcome: string): void {
  const bar = bars.get(address);
  if (bar !== undefined) Object.assign(bar, { ended, mark, outcome });
}

/** One line for each bar, or two if the window is too narrow for that. */
function chart(width: number): string[] {
  const all = [...bars.values()];
  const labels = Math.max(...all.map(({ label }) => label.length));
  const words = all.map(({ begun, ended, outcome }) => `${ms(begun)} to ${ms(ended)} ms: ${outcome}`);
  const room = width - labels - Math.max(...words.map((text) => text.length)) - 4;
  const isNarrow = room < 12;
  const scale = (isNarrow ? width : room) - 1;
  const last = Math.max(1, ...all.map(({ ended }) => ended));
  const column = (time: number): number => Math.floor((time / last) * scale);
  return all.flatMap((bar, i) => {
    const drawn =
      " ".repeat(column(bar.begun)) + "=".repeat(column(bar.ended) - column(bar.begun)) + bar.mark;
    const text = words[i] ?? "";
    if (isNarrow) return [`${bar.label}, ${text}`, drawn];
    return [`${bar.label.padEnd(labels)}  ${drawn.padEnd(scale + 1)}  ${text}`];
  });
}

function reason(error: unknown): string {
  return error instanceof NetError ? error.code : "cut off";
}

function ms(time: number): string {
  return time.toFixed(0).padStart(4);
}
