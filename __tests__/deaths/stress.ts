/**
 * Random deaths of TLS connections, as many lives as is said, in processes of their own, one for each processor. The crash
 * of one is a fault as well.
 *
 *     npx tsx __tests__/deaths/stress.ts                           10 000 lives of random seeds
 *     npx tsx __tests__/deaths/stress.ts --seed 7 --lives 500      those of the seeds from 7 on
 *     npx tsx __tests__/deaths/stress.ts --seed 7 --times 20       one life, some times over
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { liveAll } from "./lives.js";
import { planOf, textOf } from "./plan.js";

const { values } = parseArgs({
  options: {
    lives: { type: "string" },
    seed: { type: "string" },
    /** How often each is lived. */
    times: { type: "string", default: "1" },
    /** How many live beside each other. */
    together: { type: "string", default: "48" },
    /** Whether to say how often what was seen. */
    tally: { type: "boolean", default: false },
    /** Given to the process that lives. */
    within: { type: "boolean", default: false },
  },
});
const first = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const lives = Number(values.lives ?? (values.seed === undefined ? 10_000 : 1));
const times = Number(values.times);

/** A process in which no life begins or ends for so long has stopped: the last life may have taken all of its time. */
const SILENCE_MS = 480_000;

/** How often a life is lived alone that may have ended its process. */
const TIMES_ALONE = 5;

/** So many crashes are enough to look at. */
const MAX_CRASHES = 8;

if (values.within) await within();
else await watch();

/** Lives, and says on standard output which lives have begun and ended, so that the other process knows of a crash. */
async function within(): Promise<void> {
  const tell = (line: string) => writeSync(1, `${line}\n`);
  const seeds = Array.from({ length: lives * times }, (_, index) => first + Math.floor(index / times));
  // A life that waits for nothing that keeps the process is found by its time.
  const keptAlive = setInterval(() => undefined, 1_000);
  const { faults, tally } = await liveAll(seeds, Number(values.together), tell);
  for (const fault of faults) tell(`fault ${JSON.stringify(fault)}`);
  if (values.tally) for (const [what, count] of tally) tell(`tally ${String(count).padStart(7)} ${what}`);
  clearInterval(keptAlive);
  tell("done");
}

interface Outcome {
  readonly faults: readonly string[];
  readonly ended: number;
  /** The last seed that has begun. */
  readonly last: number;
  /** If the process has died: how, and the lives that it died in. */
  readonly crash: { readonly how: string; readonly seeds: readonly number[] } | undefined;
}

async function watch(): Promise<void> {
  const begun = performance.now();
  let faults = 0;
  let ended = 0;
  let crashes = 0;
  const report = (fault: string) => {
    faults++;
    console.log(`${fault}\n`);
  };
  const share = Math.ceil(lives / availableParallelism());
  const shares = Array.from({ length: Math.ceil(lives / share) }, (_, index) => first + index * share);
  await Promise.all(shares.map((from) => watchFrom(from, Math.min(from + share, first + lives))));
  const seconds = ((performance.now() - begun) / 1_000).toFixed(1);
  const seeds = `seeds ${String(first)} to ${String(first + lives - 1)}`;
  const outcome = faults === 0 ? "all well" : `${String(faults)} faults`;
  console.log(`Node.js ${process.version}, ${seeds}: ${String(ended)} lives in ${seconds} s, ${outcome}`);
  if (faults > 0) process.exitCode = 1;

  async function watchFrom(from: number, end: number): Promise<void> {
    while (from < end && crashes < MAX_CRASHES) {
      const outcome = await liveIn(from, end - from, times);
      outcome.faults.forEach(report);
      ended += outcome.ended;
      if (outcome.crash === undefined) break;
      crashes++;
      report(await explained(outcome.crash));
      from = outcome.last + 1;
    }
  }
}

/** Finds the life that a process has died of: the one that it dies of alone, too. */
async function explained({ how, seeds }: { how: string; seeds: readonly number[] }): Promise<string> {
  const guilty: string[] = [];
  for (const seed of seeds) {
    if (guilty.length > 1) break;
    const alone = await liveIn(seed, 1, TIMES_ALONE);
    if (alone.crash !== undefined)
      guilty.push(`seed ${String(seed)} alone: ${alone.crash.how}\n  ${textOf(planOf(seed))}`);
  }
  return `the process has died in the lives ${seeds.join(", ")}: ${how}\n${guilty.join("\n")}`;
}

async function liveIn(from: number, count: number, often: number): Promise<Outcome> {
  const args = [
    "--within",
    "--seed",
    from,
    "--lives",
    count,
    "--times",
    often,
    "--together",
    values.together,
  ];
  const child = fork(
    fileURLToPath(import.meta.url),
    [...args.map(String), ...(values.tally && often === times ? ["--tally"] : [])],
    {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    },
  );
  const alive = new Map<number, number>();
  const faults: string[] = [];
  let [isDone, ended, last] = [false, 0, from];
  const stop = () => child.kill("SIGABRT");
  let watchdog = setTimeout(stop, SILENCE_MS);
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => (errors += String(chunk)));
  for await (const line of linesOf(child)) {
    clearTimeout(watchdog);
    watchdog = setTimeout(stop, SILENCE_MS);
    const at = line.indexOf(" ");
    const [word, rest] = at === -1 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
    const seed = Number(rest);
    if (word === "begin") {
      alive.set(seed, (alive.get(seed) ?? 0) + 1);
      last = Math.max(last, seed);
    } else if (word === "end") {
      ended++;
      alive.set(seed, (alive.get(seed) ?? 0) - 1);
      if (alive.get(seed) === 0) alive.delete(seed);
    } else if (word === "done") isDone = true;
    else if (word === "tally") console.log(rest);
    else if (word === "fault") faults.push(JSON.parse(rest) as string);
    else errors += `${line}\n`;
  }
  clearTimeout(watchdog);
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  if (isDone && child.exitCode === 0) {
    if (errors !== "") faults.push(`the process has said: ${errors}`);
    return { faults, ended, last, crash: undefined };
  }
  const how = `${child.signalCode ?? `code ${String(child.exitCode)}`} ${errors}`;
  return { faults, ended, last, crash: { how, seeds: [...alive.keys()] } };
}

async function* linesOf({ stdout }: ChildProcess): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
