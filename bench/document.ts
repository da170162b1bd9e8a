/**
 * Writes the main part of docs/performance.md, and its pictures.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { costChart, ratioChart } from "./chart.js";
import { DOCS, table, writePart } from "./page.js";
import type { Versions } from "./peers.js";
import { isMissing, medianOf, ratiosOf, type MissingRow, type Ratio } from "./ratios.js";
import { COLUMNS, plain, shown, verdict } from "./report.js";
import type { Measured } from "./rounds.js";
import { majorOf, readSaved } from "./saved.js";

/** The case whose costs have a picture of their own. */
const PICTURED = "exchange";

export interface Run {
  readonly versions: Versions;
  readonly machine: string;
  /** How long the run took. */
  readonly minutes: number;
  readonly measured: readonly Measured[];
}

/** Writes the results of a run into the page, and the pictures that the page shows. */
export async function writeDocument(run: Run): Promise<void> {
  const ratios = run.measured.flatMap(ratiosOf);
  await writePart("bench", section(run, ratios));
  await writeFile(join(DOCS, "performance.svg"), picture(run, ratios));
  const pictured = run.measured.find(({ case: { name } }) => name === PICTURED);
  if (pictured !== undefined)
    await writeFile(join(DOCS, `performance-${PICTURED}.svg`), costPicture(pictured));
}

function section(
  { versions, machine, minutes, measured }: Run,
  ratios: readonly (Ratio | MissingRow)[],
): string {
  const releases = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `

${releases.join(", ")}; ${machine}. The run took ${minutes.toFixed(0)} minutes.

![Ratios of CPU time, tcp6 to its floor](performance.svg)

![CPU time of one small request and response](performance-${PICTURED}.svg)

${table(
  COLUMNS,
  ratios.map((entry) => [
    ...cellsOf(entry),
    ...askedOf(entry),
    isMissing(entry) ? "" : (verdict(entry) ?? ""),
    isMissing(entry) ? "" : besideOf(entry),
  ]),
)}
${otherReleases(majorOf(versions["Node.js"]), ratios)}
### What each program costs

${table(["work", "program", "user", "whole", "unit"], measured.flatMap(costsOf))}
${absences(measured)}
`;
}

function cellsOf(entry: Ratio | MissingRow): string[] {
  const { work, floor } = entry.row;
  if (isMissing(entry)) return [work, floor, "not measured", "", ""];
  const { ratio, low, high, best } = entry;
  return [work, floor, ratio.toFixed(2), `${low.toFixed(2)} to ${high.toFixed(2)}`, best.toFixed(2)];
}

function askedOf({ row: { must, aim } }: Ratio | MissingRow): string[] {
  return [must?.toFixed(2) ?? "", aim?.toFixed(2) ?? ""];
}

function besideOf({ beside }: Ratio): string {
  return [...beside].map(([peer, { ratio }]) => `${ratio.toFixed(2)} of ${peer}`).join("; ");
}

/** The same rows on other releases of Node.js, as they were last saved. */
function otherReleases(major: string, ratios: readonly (Ratio | MissingRow)[]): string {
  const others = Object.entries(readSaved()).filter(([release]) => release !== major);
  if (others.length === 0) return "";
  const savedRows = (name: string) => others.map(([, { rows }]) => rows[name]);
  const toFloors = ratios.map((entry) => [
    entry.row.work,
    entry.row.floor,
    isMissing(entry) ? "" : entry.ratio.toFixed(2),
    ...savedRows(entry.row.name).map((row) => row?.floor?.ratio.toFixed(2) ?? ""),
  ]);
  const toPeers = ratios.flatMap((entry) =>
    entry.row.peers.map((peer) => [
      entry.row.work,
      peer,
      isMissing(entry) ? "" : (entry.beside.get(peer)?.ratio.toFixed(2) ?? ""),
      ...savedRows(entry.row.name).map((row) => row?.beside[peer]?.toFixed(2) ?? ""),
    ]),
  );
  const releases = others.map(([, { version }]) => version).join(", ");
  const columns = [major, ...others.map(([release]) => release)];
  return `
### On other releases of Node.js

Node.js ${releases}, on the same kind of load, beside the floor:

${table(["work", "floor", ...columns], toFloors)}

And beside what it replaces:

${table(["work", "instead of", ...columns], toPeers)}
`;
}

function costsOf({ case: subject, figures }: Measured): string[][] {
  const { title, unit } = subject;
  return [...figures].map(([contestant, of]) => {
    const cost = (metric: "user" | "whole" | "memory") => {
      const median = medianOf(of, metric);
      return median === undefined ? "" : shown(median / unit.size);
    };
    return [title, contestant, cost("user"), cost("whole") || cost("memory"), unit.name];
  });
}

function absences(measured: readonly Measured[]): string {
  const absent = measured.flatMap(({ leftOut }) =>
    [...leftOut].map(([name, { reason }]) => `${name} (${reason})`),
  );
  return absent.length === 0 ? "" : `\nNot measured: ${[...new Set(absent)].join(", ")}.\n`;
}

function picture({ versions }: Run, ratios: readonly (Ratio | MissingRow)[]): string {
  const bars = ratios.flatMap((entry) => {
    if (isMissing(entry)) return [];
    const { work, floor, must, aim } = entry.row;
    const reached = verdict(entry);
    if (must === undefined || aim === undefined || reached === undefined) return [];
    return [{ ...entry, label: plain(work), note: `floor: ${plain(floor)}`, must, aim, verdict: reached }];
  });
  return ratioChart(`What tcp6 costs, where its floor costs 1 (Node.js ${versions["Node.js"]})`, bars);
}

function costPicture({ case: { title, unit }, figures }: Measured): string {
  const bars = [...figures].flatMap(([name, of]) => {
    const user = medianOf(of, "user");
    const whole = medianOf(of, "whole");
    if (user === undefined || whole === undefined) return [];
    return [
      { label: plain(name), user: user / unit.size, whole: whole / unit.size, ours: name.startsWith("tcp6") },
    ];
  });
  return costChart(
    `CPU time: ${plain(title)}`,
    unit.name,
    bars.toSorted((a, b) => a.whole - b.whole),
  );
}
