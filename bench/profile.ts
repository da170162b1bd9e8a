import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Contestant } from "./case.js";
import { BENCH } from "./peers.js";

const DIRECTORY = join(BENCH, ".build/profiles");

/** How many functions of each process are shown. */
const TOP = 15;

/** The parts of a V8 profile that are used. */
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  /** The node that was on the stack's top, and the microseconds since it was last looked at. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

let started = 0;

/** Options of Node.js that make a process leave a profile when it ends. */
export function profiling({ module, name }: Contestant): readonly string[] {
  if (started === 0) rmSync(DIRECTORY, { recursive: true, force: true });
  const process = `${dirname(module)} ${name}`.replace(/[^\w,-]+/g, " ").trim();
  const file = `${process}.${++started}.cpuprofile`;
  return ["--cpu-prof", `--cpu-prof-dir=${DIRECTORY}`, `--cpu-prof-name=${file}`];
}

/** Where the processes that were profiled spent their time: for each, the functions with the most of it in themselves. */
export function hotSpots(): string {
  const times = new Map<string, Map<string, number>>();
  for (const file of readdirSync(DIRECTORY).toSorted()) {
    const [process = file] = file.split(".", 1);
    const profile = JSON.parse(readFileSync(join(DIRECTORY, file), "utf8")) as Profile;
    times.set(process, addTo(times.get(process) ?? new Map<string, number>(), profile));
  }
  return [...times].map(([process, byFunction]) => `\n${process}\n${topOf(byFunction)}`).join("");
}

function addTo(times: Map<string, number>, { nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  samples.forEach((id, index) => {
    const name = names.get(id) ?? "";
    if (name !== "(idle)") times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  });
  return times;
}

/** As `pull src/core/reading/loops.js:52`. `(program)` is native code: the kernel's share, for the most part. */
function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const where = url.replace(/^file:.*\.build\//, "");
  return `${functionName || "(anonymous)"} ${where && `${where}:${lineNumber + 1}`}`.trim();
}

function topOf(times: ReadonlyMap<string, number>): string {
  const all = [...times.values()].reduce((sum, time) => sum + time, 0);
  const top = [...times].toSorted(([, a], [, b]) => b - a).slice(0, TOP);
  return top.map(([name, time]) => `  ${((100 * time) / all).toFixed(1).padStart(5)} %  ${name}\n`).join("");
}
