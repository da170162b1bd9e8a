import type { Figures, Metric, Row } from "./case.js";
import type { Measured } from "./rounds.js";

/** The result of a row. */
export interface Ratio {
  readonly row: Row;
  /** The median of the ratios of all rounds. */
  readonly ratio: number;
  /** Half of the rounds lie between these. */
  readonly low: number;
  readonly high: number;
  /** The least that ours took in any round, to the least that theirs did: what both can do when nothing disturbs them. */
  readonly best: number;
}

export interface MissingRow {
  readonly row: Row;
  readonly reason: string;
  readonly failed: boolean;
}

export function isMissing(entry: Ratio | MissingRow): entry is MissingRow {
  return "reason" in entry;
}

/** Ratios are taken within each round, between two that ran one soon after the other, and only then their median. */
export function ratiosOf({ case: subject, figures, leftOut }: Measured): (Ratio | MissingRow)[] {
  return subject.rows.flatMap((row): (Ratio | MissingRow)[] => {
    const ours = figures.get(row.subject);
    const theirs = figures.get(row.peer);
    if (ours !== undefined && theirs !== undefined) {
      const ratios = ours.map((figure, round) => quotient(figure, theirs[round], row.metric));
      return [{ row, ...spreadOf(ratios), best: leastOf(ours, row.metric) / leastOf(theirs, row.metric) }];
    }
    const missing = leftOut.get(row.subject) ?? leftOut.get(row.peer);
    // Otherwise one of them does not take part in a run of this size.
    return missing === undefined ? [] : [{ row, ...missing }];
  });
}

function quotient(ours: Figures, theirs: Figures | undefined, metric: Metric): number {
  return (ours[metric] ?? NaN) / (theirs?.[metric] ?? NaN);
}

function spreadOf(ratios: readonly number[]): { ratio: number; low: number; high: number } {
  return { ratio: quantile(ratios, 0.5), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}

function leastOf(figures: readonly Figures[], metric: Metric): number {
  return Math.min(...figures.map((figure) => figure[metric] ?? NaN));
}

/** The median of what a contestant cost, in all rounds. */
export function medianOf(figures: readonly Figures[], metric: Metric): number | undefined {
  const values = figures.flatMap((figure) => figure[metric] ?? []);
  return values.length === 0 ? undefined : quantile(values, 0.5);
}

/** Between two values, the part of the way from one to the other. */
function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = part * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at % 1);
}
