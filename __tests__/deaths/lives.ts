/** Lives many lives beside each other, and looks that nothing is left of them. */
import { holdings, leftSince } from "../fuzz/leaks.js";
import { live } from "./life.js";
import { Places } from "./place.js";
import { planOf, textOf } from "./plan.js";

/** After so many lives all places are closed, and nothing may be left. */
const BATCH = 1_000;

export interface Report {
  readonly faults: readonly string[];
  /** How often what was seen. */
  readonly tally: ReadonlyMap<string, number>;
}

/** @param tell - is told when a life begins and ends */
export async function liveAll(
  seeds: readonly number[],
  together: number,
  tell: (line: string) => void,
): Promise<Report> {
  const faults: string[] = [];
  const tally = new Map<string, number>();
  const alive = new Set<number>();
  const count = (what: string) => tally.set(what, (tally.get(what) ?? 0) + 1);
  const stray = (what: unknown) => {
    const text = what instanceof Error ? (what.stack ?? what.message) : String(what);
    faults.push(`while these lived: ${[...alive].join(", ")}: uncaught: ${text}`);
  };
  for (const event of ["uncaughtException", "unhandledRejection", "warning"] as const)
    process.on(event as "warning", stray);
  for (let from = 0; from < seeds.length; from += BATCH) {
    const before = holdings();
    const places = new Places();
    const waiting = seeds.slice(from, from + BATCH).values();
    const liveOn = async (): Promise<void> => {
      for (const seed of waiting) {
        alive.add(seed);
        tell(`begin ${String(seed)}`);
        const plan = planOf(seed);
        const complaints = await live(plan, places, count);
        tell(`end ${String(seed)}`);
        alive.delete(seed);
        if (complaints.length > 0)
          faults.push(`seed ${String(seed)}: ${complaints.join("\n  ")}\n  ${textOf(plan)}`);
      }
    };
    await Promise.all(Array.from({ length: together }, liveOn));
    await places.close();
    const left = await leftSince(before);
    const batch = `${String(seeds[from])} to ${String(seeds[Math.min(from + BATCH, seeds.length) - 1])}`;
    if (left.length > 0) faults.push(`left of the lives ${batch}: ${left.join(", ")}`);
  }
  return { faults, tally };
}
