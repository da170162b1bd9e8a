/**
 * What a busy connection does to another one in the same process: how long a byte takes there and back, beside each
 * kind of busy loop, with tcp6 and with `net`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { useWhatShips } from "./library.js";
import { disturbance, machine } from "./machine.js";
import { findPeers } from "./peers.js";
import { pathOf, Program } from "./program.js";

const SECONDS = 2;
const ROUNDS = 3;

const KINDS = [
  "nothing",
  "16-byte writes",
  "64 KiB writes",
  "1 MiB writes",
  "gathered writes",
  "16-byte reads",
  "chunks",
  "lines",
  "relay",
];

/** Kinds that `net` has, too: its loop of small writes would never let the event loop turn. */
const OF_NET = new Set(["nothing", "64 KiB writes", "1 MiB writes", "chunks", "lines", "relay"]);

useWhatShips();
const peers = findPeers(process.execPath);
const [torrent, { sink = 0, source = 0, lines = 0 }] = await Program.load("torrent");
const [pinger] = await Program.load("pinger");

async function pings(library: string, busy: string): Promise<{ median: number; p99: number }> {
  const [command, ...args] = peers.commandOf("node", pathOf(`contestants/latency/${library}`), []);
  const [stage, { port = 0 }] = await Program.start(command, [
    ...args,
    busy,
    ...[sink, source, lines].map(String),
  ]);
  await sleep(500);
  const { median = NaN, p99 = NaN } = await pinger.ask("ping", { port, seconds: SECONDS });
  await stage.end();
  return { median, p99 };
}

/** Of some rounds, the one in the middle. */
async function middle(library: string, busy: string): Promise<string> {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await pings(library, busy));
  const { median, p99 } = rounds.sort((a, b) => a.p99 - b.p99)[Math.floor(ROUNDS / 2)] ?? {
    median: NaN,
    p99: NaN,
  };
  return `${median.toFixed(0).padStart(6)} ${p99.toFixed(0).padStart(6)}`;
}

process.stdout.write(`Node.js ${peers.versions["Node.js"]}; ${machine()}\n${disturbance()}`);
process.stdout.write(`${"µs, beside a loop of".padEnd(22)}tcp6: median, p99    net: median, p99\n`);
for (const busy of KINDS) {
  const ours = await middle("tcp6", busy);
  const theirs = OF_NET.has(busy) ? await middle("net", busy) : "";
  process.stdout.write(`${busy.padEnd(22)}${ours}        ${theirs}\n`);
}
await Promise.all([pinger.end(), torrent.end()]);
