/**
 * What a request, a timeout and an accept cost among more and more connections, and how long a request takes then. Each
 * program is measured as in the other benchmark, which this one uses.
 */
import type { Case, Contestant } from "./case.js";
import { arrivalsAmong, requestsOver } from "./cases/scale.js";
import { useWhatShips } from "./library.js";
import { disturbance, machine } from "./machine.js";
import { table, writePart } from "./page.js";
import { findPeers } from "./peers.js";
import { pathOf, Program } from "./program.js";
import { medianOf } from "./ratios.js";
import { shown } from "./report.js";
import { measure, type Plan } from "./rounds.js";
import { latencyUnder, type Latency } from "./traffic.js";

const PLAN: Plan = {
  sittings: 1,
  rounds: 3,
  warmUp: 2,
  seconds: 0.8,
  part: 1,
  field: "all",
  nodeOptions: () => [],
};

const SIZES = [50, 1_000, 10_000];
const LATENCY_SIZES = [50, 1_000];
const LATENCY_ROUNDS = 3;

useWhatShips();
const args = process.argv.slice(2);
const isWritten = args.includes("--write");
const chosen = args.filter((arg) => arg !== "--write").map(Number);
const sizes = chosen.length > 0 ? chosen : SIZES;

const peers = findPeers(process.execPath);
const head = `${Object.entries(peers.versions)
  .filter(([name]) => ["Node.js", "Deno", "Bun", "wrk"].includes(name))
  .map(([name, version]) => `${name} ${version}`)
  .join(", ")}; ${machine()}.`;

/** What each program of a work costs, at each size. */
async function costsOf(work: string, caseOf: (size: number) => Case): Promise<string[][]> {
  const costs = new Map<string, (number | undefined)[]>();
  for (const size of sizes) {
    const { figures, leftOut } = await measure(caseOf(size), PLAN, peers, () => undefined);
    for (const [name, { reason }] of leftOut) process.stderr.write(`${work}, ${size}: ${name}: ${reason}\n`);
    for (const { name } of caseOf(size).contestants) {
      costs.set(name, [...(costs.get(name) ?? []), medianOf(figures.get(name) ?? [], "whole")]);
    }
  }
  return [...costs].map(([name, of]) => {
    const growth = (of.at(-1) ?? NaN) / (of[0] ?? NaN);
    const cells = of.map((cost) => (cost === undefined ? "" : shown(cost)));
    return [work, name, ...cells, growth > 0 ? growth.toFixed(2) : ""];
  });
}

/** How long requests to each program take, in milliseconds: of some rounds, in turns, the one in the middle. */
async function latencies(contestants: readonly Contestant[], size: number): Promise<string[][]> {
  const taking = contestants.filter(({ needs }) => peers.lacking(needs) === undefined);
  const rounds = new Map(taking.map(({ name }) => [name, [] as Latency[]]));
  const stages: { name: string; program: Program; port: number }[] = [];
  try {
    for (const { name, module, runtime } of taking) {
      const [command, ...rest] = peers.commandOf(runtime ?? "node", pathOf(`contestants/${module}`), []);
      const [program, { port = 0 }] = await Program.start(command, rest);
      stages.push({ name, program, port });
      // So that what is compiled on the way is not in the tail.
      await latencyUnder(port, size);
    }
    for (let round = 0; round < LATENCY_ROUNDS; round++) {
      for (const { name, port } of stages) rounds.get(name)?.push(await latencyUnder(port, size));
    }
  } finally {
    await Promise.all(stages.map(({ program }) => program.end()));
  }
  return [...rounds].map(([name, of]) => {
    const middle = (what: keyof Latency) => {
      const values = of.map((latency) => latency[what]).toSorted((a, b) => a - b);
      return shown(values[Math.floor(values.length / 2)] ?? NaN);
    };
    return [String(size), name, middle("p50"), middle("p99"), middle("p999")];
  });
}

const NET: Contestant = { name: "`net` callbacks", module: "exchange/net" };
const TCP6: Contestant = { name: "tcp6", module: "exchange/tcp6" };
const DENO: Contestant = { name: "Deno", module: "exchange/deno", runtime: "deno", needs: "deno" };
const BUN: Contestant = { name: "Bun", module: "exchange/bun", runtime: "bun", needs: "bun" };

process.stdout.write(`${head}\n${disturbance()}`);
const begun = performance.now();
const costs = [
  ...(await costsOf("a request", (size) => requestsOver(size, [NET, TCP6, DENO]))),
  ...(await costsOf("a request, with a timeout that is set anew for it", (size) =>
    requestsOver(size, [
      { name: "`net`, `setTimeout()`", module: "exchange/net-timeout" },
      { name: "tcp6 `read({ timeout })`", module: "exchange/tcp6-read-timeout" },
      { ...DENO, name: "Deno, a timer", module: "exchange/deno-timeout" },
    ]),
  )),
  ...(await costsOf("accept, one exchange, close, beside as many that are idle", (size) =>
    arrivalsAmong(size, [
      { ...NET, module: "accept/net" },
      { ...TCP6, module: "accept/tcp6" },
      { ...DENO, module: "accept/deno" },
    ]),
  )),
];
const columns = sizes.map((size) => size.toLocaleString("en").replaceAll(",", " "));
const costTable = table(["µs of CPU", "program", ...columns, "grows by"], costs);
process.stdout.write(`\n${costTable}\n`);

const times: string[][] = [];
for (const size of LATENCY_SIZES) times.push(...(await latencies([NET, TCP6, DENO, BUN], size)));
const timeTable = table(["connections", "program", "p50", "p99", "p99.9"], times);
process.stdout.write(`\n${timeTable}\n`);
process.stdout.write(`\nThis took ${((performance.now() - begun) / 60_000).toFixed(1)} minutes.\n`);

if (isWritten) {
  await writePart(
    "scale",
    `\n\n${head}\n\n${costTable}\n\nHow long a request takes, in milliseconds:\n\n${timeTable}\n\n`,
  );
}
