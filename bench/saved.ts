import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BENCH } from "./peers.js";
import { isMissing, type Comparison, type MissingRow, type Ratio } from "./ratios.js";
import { writeFormatted } from "./write-formatted.js";

const FILE = join(BENCH, "ratios.json");

/** The results of a release of Node.js when they were last saved. */
export interface Saved {
  readonly version: string;
  readonly machine: string;
  readonly rows: Readonly<Record<string, SavedRow>>;
}

export interface SavedRow {
  /** What the subject cost, to what the floor cost. */
  readonly floor?: Comparison;
  /** By peer: what the subject cost, to what that cost. */
  readonly beside: Readonly<Record<string, number>>;
}

/** By the release of Node.js: its major version. */
export function readSaved(): Readonly<Record<string, Saved>> {
  try {
    return JSON.parse(readFileSync(FILE, "utf8")) as Record<string, Saved>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}

/** Puts ratios in the place of those that were saved for the same rows and release. */
export async function save(
  version: string,
  machine: string,
  ratios: readonly (Ratio | MissingRow)[],
): Promise<void> {
  const all = readSaved();
  const major = majorOf(version);
  const rows = { ...all[major]?.rows };
  for (const entry of ratios) {
    if (isMissing(entry)) continue;
    const { row, ratio, low, high, best } = entry;
    rows[row.name] = {
      floor: { ratio: rounded(ratio), low: rounded(low), high: rounded(high), best: rounded(best) },
      beside: Object.fromEntries([...entry.beside].map(([peer, { ratio }]) => [peer, rounded(ratio)])),
    };
  }
  await writeFormatted(FILE, JSON.stringify({ ...all, [major]: { version, machine, rows } }));
}

export function majorOf(version: string): string {
  return version.split(".", 1)[0] ?? version;
}

function rounded(ratio: number): number {
  return Math.round(ratio * 1_000) / 1_000;
}
