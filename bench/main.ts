/**
 * What awaiting costs: tcp6 beside what it replaces, in CPU time of the process under test.
 *
 * How to read it: case.ts says what is compared, and cases/ has it; contestants/ are the processes under test, loads/ what
 * keeps them busy beside wrk and redis-benchmark (traffic.ts); rounds.ts measures, ratios.ts compares, the rest reports.
 */
import type { Case } from "./case.js";
import { cases } from "./cases/index.js";
import { check } from "./check.js";
import { writeDocument } from "./document.js";
import { useWhatShips } from "./library.js";
import { disturbance, machine } from "./machine.js";
import { optionsOf, USAGE, type Options } from "./options.js";
import { findPeers, type Peers } from "./peers.js";
import { hotSpots, profiling } from "./profile.js";
import { ratiosOf, type MissingRow, type Ratio } from "./ratios.js";
import { costs, listed, rows } from "./report.js";
import { measure, type Measured, type Plan } from "./rounds.js";
import { majorOf, readSaved, save } from "./saved.js";

const FULL = { sittings: 2, warmUp: Infinity, rounds: 3, seconds: 0.4, part: 0.5 };
/** Another Node.js, whose figures are in the table beside those of this one. */
const OTHER = { sittings: 1, warmUp: Infinity, rounds: 4, seconds: 0.4, part: 0.5 };
const QUICK = { sittings: 1, warmUp: 2, rounds: 4, seconds: 0.4, part: 0.25 };
const SHORT = { sittings: 1, warmUp: Infinity, rounds: 3, seconds: 0.35, part: 0.25 };

/** Resolves to the status to end with: 1 if something got worse. */
async function run(options: Options, chosen: readonly Case[]): Promise<number> {
  // A profile names the functions of the sources.
  if (!options.profile) useWhatShips();
  const peers = findPeers(options.node);
  const versions = Object.entries(peers.versions).map(([name, version]) => `${name} ${version}`);
  print(`${versions.join(", ")}\n${machine()}\n${disturbance()}`);

  const begun = performance.now();
  const measured = await measureAll(chosen, planOf(options), peers);
  const minutes = (performance.now() - begun) / 60_000;
  const ratios = measured.flatMap(ratiosOf);
  print(rows(ratios));
  print(`\nThis took ${minutes.toFixed(1)} minutes.\n`);
  if (options.profile) print(hotSpots());

  const node = peers.versions["Node.js"];
  const isFull = !options.quick && !options.short && !options.profile;
  const whole = isFull && chosen.length === cases.length;
  if (options.save) await save(node, machine(), ratios);
  if (options.write || (whole && options.node === process.execPath)) {
    await writeDocument({ versions: peers.versions, machine: machine(), minutes, measured });
  }
  return options.check || options.short ? await guard(options, chosen, peers, ratios) : 0;
}

/** Names what got worse than what was saved; resolves to the status to end with, which is 0 for a short run. */
async function guard(
  options: Options,
  chosen: readonly Case[],
  peers: Peers,
  ratios: readonly (Ratio | MissingRow)[],
): Promise<number> {
  const failure = options.short ? 0 : 1;
  const release = majorOf(peers.versions["Node.js"]);
  const saved = readSaved()[release];
  if (saved === undefined)
    return print(`\nNo ratios are saved for Node.js ${release}: run with --save.\n`, failure);
  if (saved.machine !== machine()) print(`\nThe saved ratios are of another machine: ${saved.machine}.\n`);
  const worse = await check(ratios, {
    saved,
    quick: options.quick || options.short,
    again: async (suspects) => {
      print(`\nMeasured once more, since they look worse: ${[...suspects].join(", ")}\n`);
      const again = chosen.filter((subject) => subject.rows.some(({ name }) => suspects.has(name)));
      return (await measureAll(again, planOf(options), peers)).flatMap(ratiosOf);
    },
  });
  for (const { row, words } of worse) print(`worse: ${row}: ${words}\n`);
  const compared = ratios.filter(({ row }) => saved.rows[row.name]?.floor !== undefined).length;
  if (worse.length > 0) return failure;
  return print(`\nOf ${compared} rows that were saved and measured, none got worse.\n`);
}

function planOf({ quick, short, profile, node }: Options): Plan {
  const isOther = node !== process.execPath;
  const isFull = !quick && !short && !isOther;
  return {
    ...(short ? SHORT : quick ? QUICK : isOther ? OTHER : FULL),
    field: short ? "guarded" : isFull ? "all" : "compared",
    nodeOptions: (contestant) => [
      ...(contestant.nodeOptions ?? []),
      ...(profile && contestant.name.startsWith("tcp6") ? profiling(contestant) : []),
    ],
  };
}

async function measureAll(subjects: readonly Case[], plan: Plan, peers: Peers): Promise<Measured[]> {
  const all: Measured[] = [];
  for (const subject of subjects) {
    const measured = await measure(subject, plan, peers, (round, of) => {
      progress(`${subject.name}: round ${round} of ${of}`);
    });
    progress("");
    print(costs(measured));
    all.push(measured);
  }
  return all;
}

/** The cases that are named, by their own name or by that of a row; all, if none is. */
function choose(names: readonly string[]): readonly Case[] {
  const unknown = names.find((name) => !cases.some((subject) => isNamed(subject, name)));
  if (unknown !== undefined) throw new TypeError(`No case or row is called "${unknown}": see --list`);
  return names.length === 0 ? cases : cases.filter((subject) => names.some((name) => isNamed(subject, name)));
}

function isNamed({ name, rows }: Case, wanted: string): boolean {
  return name === wanted || rows.some((row) => row.name === wanted);
}

function print(text: string, status = 0): number {
  process.stdout.write(text);
  return status;
}

/** One line, written over and over. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
}

function understood(args: readonly string[]): [Options, readonly Case[]] | undefined {
  try {
    const options = optionsOf(args);
    return [options, choose(options.only)];
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    return undefined;
  }
}

// The reader of our output may close it early, as `head` does.
process.stdout.on("error", () => process.exit());

const [options, chosen = cases] = understood(process.argv.slice(2)) ?? [];
if (options === undefined) process.exitCode = 2;
else if (options.help) print(USAGE);
else if (options.list) print(chosen.map(listed).join("\n"));
else process.exitCode = await run(options, chosen);
