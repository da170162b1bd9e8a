import type { Figures, Metric, Row } from "./case.js";
import type { Measured } from "./rounds.js";

/** What one contestant cost for each unit that another cost. */
export interface Comparison {
  /** The median of the ratios of all rounds. */
  readonly ratio: number;
  /** Half of the rounds lie between these. */
  readonly low: number;
  readonly high: number;
  /** The least that ours took in any round, to the least that theirs did: what both can do when nothing disturbs them. */
  readonly best: number;
}

/** The results of a row: its subject beside the floor, and beside what it replaces. */
export interface Ratio extends Comparison {
  readonly row: Row;
  /** By peer; without those that did not take part. */
  readonly beside: ReadonlyMap<string, Comparison>;
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
    const floor = figures.get(row.floor);
    if (ours !== undefined && floor !== undefined) {
      const beside = row.peers.flatMap((peer): [string, Comparison][] => {
        const theirs = figures.get(peer);
        return theirs === undefined ? [] : [[peer, compared(ours, theirs, row.metric)]];
      });
      return [{ row, ...compared(ours, floor, row.metric), beside: new Map(beside) }];
    }
    const missing = leftOut.get(row.subject) ?? leftOut.get(row.floor);
    // Otherwise one of them does not take part in a run of this size.
    return missing === undefined ? [] : [{ row, ...missing }];
  });
}

/** A contestant that is only there for comparison may have fewer rounds. */
function compared(ours: readonly Figures[], theirs: readonly Figures[], metric: Metric): Comparison {
  const ratios = theirs.flatMap((figure, round) => {
    const our = ours[round]?.[metric];
    const their = figure[metric];
    return our === undefined || their === undefined ? [] : our / their;
  });
  return {
    ratio: quantile(ratios, 0.5),
    low: quantile(ratios, 0.25),
    high: quantile(ratios, 0.75),
    best: leastOf(ours, metric) / leastOf(theirs, metric),
  };
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
