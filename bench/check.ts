import { isMissing, type MissingRow, type Ratio } from "./ratios.js";
import type { Saved } from "./saved.js";

/**
 * How much higher than the saved one a ratio to the floor may be before it counts as worse: the same code, measured twice on a machine
 * that has other work to do, differs by as much. Quick runs are rougher.
 */
const MARGIN = 0.15;
const QUICK_MARGIN = 0.25;

/** The least margin: a difference of 0.01 cannot be measured. */
const LEAST_MARGIN = 0.015;

/** What got worse, in words. */
export interface Worse {
  readonly row: string;
  readonly words: string;
}

/**
 * The rows that cost more beside their floor than what was saved, or can no more be measured. A row that was not saved
 * cannot have become worse.
 */
export function worseThan(saved: Saved, rows: readonly (Ratio | MissingRow)[], quick: boolean): Worse[] {
  return rows.flatMap((entry): Worse[] => {
    const { name } = entry.row;
    const before = saved.rows[name]?.floor?.ratio;
    if (before === undefined) return [];
    if (isMissing(entry)) return entry.failed ? [{ row: name, words: entry.reason }] : [];
    const most = before + Math.max(before * (quick ? QUICK_MARGIN : MARGIN), LEAST_MARGIN);
    if (entry.ratio <= most) return [];
    return [
      { row: name, words: `${entry.ratio.toFixed(2)}, was ${before.toFixed(2)}, at most ${most.toFixed(2)}` },
    ];
  });
}

/**
 * Resolves to what got worse, twice: what is found the first time is measured once more, by processes that are started
 * anew, and only what is worse then too is named.
 */
export async function check(
  first: readonly (Ratio | MissingRow)[],
  {
    saved,
    quick,
    again,
  }: { saved: Saved; quick: boolean; again: (rows: ReadonlySet<string>) => Promise<(Ratio | MissingRow)[]> },
): Promise<Worse[]> {
  const suspects = new Set(worseThan(saved, first, quick).map(({ row }) => row));
  if (suspects.size === 0) return [];
  const second = worseThan(saved, await again(suspects), quick);
  return second.filter(({ row }) => suspects.has(row));
}
