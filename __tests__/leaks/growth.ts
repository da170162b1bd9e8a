import type { Counts, Memory } from "./holdings.js";

/** What a slice of the operations has left. */
export interface Sample {
  /** Operations so far. */
  readonly operations: number;
  readonly counts: Counts;
  readonly memory: Memory;
}

/** Something that there is more of afterwards. */
export interface Leak {
  readonly what: string;
  readonly more: number;
}

/**
 * How many bytes memory may grow by in all: code that V8 makes, tables of Node's. A leak of a full run is larger: 200 000
 * operations that leave 16 bytes each come to more.
 */
export const NOISE_BYTES = 3_000_000;

/** How many more objects there may be in all: those of the samples, and some that Node makes at their first use. */
export const NOISE_OBJECTS = 500;

/**
 * What has grown from the first sample to the last. Counts must be where they were. Memory must not be more than noise
 * explains, at the end and by its slope: a leak grows with each operation, noise goes up and down.
 */
export function leaksOf(samples: readonly Sample[]): Leak[] {
  const [first] = samples;
  const last = samples.at(-1);
  if (first === undefined || last === undefined) throw new RangeError("no samples");
  const bytes = (["heap", "external"] as const).flatMap((kind) => {
    const points = samples.map(({ operations, memory }) => [operations, memory[kind]] as const);
    const bySlope = slope(points) * (last.operations - first.operations);
    const atEnd = last.memory[kind] - first.memory[kind];
    const grown = Math.max(bySlope, atEnd);
    return grown > NOISE_BYTES ? [{ what: `bytes of ${kind}`, more: Math.round(grown) }] : [];
  });
  const contexts = { contexts: first.memory.contexts };
  return [
    ...more(first.counts, last.counts),
    ...more(contexts, { contexts: last.memory.contexts }),
    ...bytes,
  ];
}

/** What there is more of than before, by more than `noise`. */
export function more(before: Counts, after: Counts, noise = 0): Leak[] {
  return Object.entries(after)
    .map(([what, count]) => ({ what, more: count - (before[what] ?? 0) }))
    .filter((leak) => leak.more > noise);
}

/** The median of the slopes between all pairs of points (Theil and Sen), which some outliers do not change. */
export function slope(points: readonly (readonly [number, number])[]): number {
  const slopes = points.flatMap(([x, y], index) =>
    points.slice(index + 1).map(([laterX, laterY]) => (laterY - y) / (laterX - x)),
  );
  slopes.sort((a, b) => a - b);
  const middle = slopes.length / 2;
  return ((slopes[Math.floor(middle)] ?? 0) + (slopes[Math.ceil(middle) - 1] ?? 0)) / 2;
}
