/**
 * One way over a connection, as its two ends have seen it: what was written, what was read, and whether the one explains
 * the other. Pure.
 */

/** When an operation began and settled, counted in events of the run. */
interface Span {
  readonly startedAt: number;
  settledAt: number;
}

/**
 * What becomes of a write: all of it arrives, before the end of a stream that ends well; all of it or nothing; or nothing.
 * A stream that does not end well may break off anywhere.
 */
export type Fate = "whole" | "either" | "nothing";

export interface Written extends Span {
  /** Writes of one lane are sent in the order they were made; those of several lanes may mix. */
  readonly lane: string;
  readonly bytes: Buffer;
  readonly by: string;
  fate: Fate;
}

export interface Received extends Span {
  /** What one lane has read is in order; what several have read may mix. */
  readonly lane: string;
  readonly bytes: Buffer;
  readonly by: string;
  /** A line, whose terminator may not have been there if the stream ended after it. */
  readonly isLine: boolean;
  /** What else may have been read: a read does not tell which of several delimiters it has consumed. */
  readonly others?: readonly Buffer[];
}

/** A place in the lanes of one side: how many of each are done. */
type Place = readonly number[];

interface Candidate<T> {
  readonly item: T;
  readonly after: Place;
}

/** The state of a match: what is being read and written, how far, and what follows. */
interface Progress {
  readonly reads: Place;
  readonly writes: Place;
  readonly read: Received | null;
  readonly readOffset: number;
  readonly write: Written | null;
  readonly writeOffset: number;
}

/**
 * What is wrong with what was received, or `undefined`: it must be the writes, in their order, each once and unchanged,
 * broken off anywhere unless the stream was `complete`.
 */
export function fault(
  written: readonly Written[],
  received: readonly Received[],
  complete: boolean,
): string | undefined {
  return new Match(written, received, complete).fault();
}

class Match {
  readonly #writes: readonly (readonly Written[])[];
  readonly #reads: readonly (readonly Received[])[];
  readonly #complete: boolean;
  readonly #failed = new Set<string>();
  #furthest = -1;
  #explanation = "";

  constructor(written: readonly Written[], received: readonly Received[], complete: boolean) {
    this.#writes = inLanes(written);
    this.#reads = inLanes(received);
    this.#complete = complete;
  }

  fault(): string | undefined {
    const start: Progress = {
      reads: this.#reads.map(() => 0),
      writes: this.#writes.map(() => 0),
      read: null,
      readOffset: 0,
      write: null,
      writeOffset: 0,
    };
    // Depth first, without recursion: there may be many thousands of lines.
    const open = [start];
    for (let progress = open.pop(); progress !== undefined; progress = open.pop()) {
      const key = keyOf(progress);
      if (this.#failed.has(key)) continue;
      this.#failed.add(key);
      const next = this.#next(progress);
      if (next === "matched") return undefined;
      // The last one pushed is tried first: that is the most likely one.
      open.push(...next.toReversed());
    }
    return this.#explanation;
  }

  /** The ways to go on from here. */
  #next(progress: Progress): "matched" | Progress[] {
    const reads =
      progress.read === null
        ? readable(this.#reads, progress.reads)
        : [{ item: progress.read, after: progress.reads }];
    if (reads.length === 0) return this.#ended(progress);
    const isBetween = progress.write === null;
    const writes = isBetween
      ? writable(this.#writes, progress.writes)
      : [{ item: progress.write, after: progress.writes }];
    const found: Progress[] = [];
    for (const read of reads) {
      const rest = read.item.bytes.length - progress.readOffset;
      if (rest === 1 && this.#isLastTerminator(read, progress)) return "matched";
      // A terminator is looked at by itself.
      const most = read.item.isLine && rest > 1 ? rest - 1 : rest;
      for (const write of writes) {
        const size = Math.min(most, write.item.bytes.length - progress.writeOffset);
        const readTo = progress.readOffset + size;
        const writeTo = progress.writeOffset + size;
        const differs = read.item.bytes.compare(
          write.item.bytes,
          progress.writeOffset,
          writeTo,
          progress.readOffset,
          readTo,
        );
        if (differs !== 0) {
          this.#explain(progress, read.item, write.item);
          continue;
        }
        const readDone = readTo === read.item.bytes.length;
        const writeDone = writeTo === write.item.bytes.length;
        found.push({
          reads: read.after,
          writes: write.after,
          read: readDone ? null : read.item,
          readOffset: readDone ? 0 : readTo,
          write: writeDone ? null : write.item,
          writeOffset: writeDone ? 0 : writeTo,
        });
      }
      if (writes.length === 0) this.#explain(progress, read.item, null);
    }
    return found;
  }

  /** All that was read has been found; whether all is here that must be. */
  #ended(progress: Progress): "matched" | [] {
    if (!this.#complete) return "matched";
    const missing = progress.write ?? firstWhole(this.#writes, progress.writes);
    if (missing === undefined) return "matched";
    this.#note(
      progress,
      `the stream ended well, but ${missing.by} is missing from byte ${String(progress.writeOffset)}`,
    );
    return [];
  }

  /** A line at the very end of the stream, which was not terminated. */
  #isLastTerminator({ item, after }: Candidate<Received>, progress: Progress): boolean {
    if (!item.isLine || readable(this.#reads, after).length > 0) return false;
    if (!this.#complete) return true;
    return progress.write === null && firstWhole(this.#writes, progress.writes) === undefined;
  }

  #explain(progress: Progress, read: Received, write: Written | null): void {
    const got = read.bytes.subarray(progress.readOffset);
    const expected = write?.bytes.subarray(progress.writeOffset);
    let same = 0;
    if (expected !== undefined) while (same < got.length && got[same] === expected[same]) same++;
    const place = `byte ${String(progress.readOffset + same)} of ${read.by}`;
    const other =
      write === null || expected === undefined
        ? "nothing more that was written"
        : `${shown(expected.subarray(same))} (byte ${String(progress.writeOffset + same)} of ${write.by})`;
    this.#note(progress, `${place} is ${shown(got.subarray(same))} instead of ${other}`, same);
  }

  /** The explanation is that of the match that has come furthest. */
  #note(progress: Progress, text: string, more = 0): void {
    const reached =
      bytesIn(this.#reads, progress.reads) - (progress.read?.bytes.length ?? 0) + progress.readOffset + more;
    if (reached <= this.#furthest) return;
    this.#furthest = reached;
    this.#explanation = `after ${String(reached)} bytes: ${text}`;
  }
}

function inLanes<T extends { readonly lane: string; readonly bytes: Buffer }>(items: readonly T[]): T[][] {
  const lanes = new Map<string, T[]>();
  for (const item of items) {
    if (item.bytes.length === 0) continue;
    const lane = lanes.get(item.lane);
    if (lane === undefined) lanes.set(item.lane, [item]);
    else lane.push(item);
  }
  return [...lanes.values()];
}

/** What may have been read next: nothing that began after something settled that is not yet placed. */
function readable(lanes: readonly (readonly Received[])[], place: Place): Candidate<Received>[] {
  const heads = lanes.map((lane, at) => lane[place[at] ?? 0]);
  return heads.flatMap((item, at) => {
    if (item === undefined) return [];
    const isLater = heads.some((other) => other !== undefined && other.settledAt < item.startedAt);
    if (isLater) return [];
    const after = place.with(at, (place[at] ?? 0) + 1);
    const { others = [] } = item;
    return [{ item, after }, ...others.map((bytes) => ({ item: { ...item, bytes }, after }))];
  });
}

/** What may have been sent next; a write that need not arrive may be passed over. */
function writable(lanes: readonly (readonly Written[])[], place: Place): Candidate<Written>[] {
  const found: Candidate<Written>[] = [];
  for (const [at, lane] of lanes.entries()) {
    for (let index = place[at] ?? 0; index < lane.length; index++) {
      const item = lane[index] as Written;
      if (item.fate !== "nothing" && !mustFollow(item, lanes, place))
        found.push({ item, after: place.with(at, index + 1) });
      if (item.fate === "whole") break;
    }
  }
  return found;
}

/** Whether another lane has a write that must come before this one. */
function mustFollow(item: Written, lanes: readonly (readonly Written[])[], place: Place): boolean {
  return lanes.some((lane, at) => {
    const first = lane[place[at] ?? 0];
    return first !== undefined && first.fate === "whole" && first.settledAt < item.startedAt;
  });
}

function firstWhole(lanes: readonly (readonly Written[])[], place: Place): Written | undefined {
  for (const [at, lane] of lanes.entries()) {
    const item = lane.slice(place[at]).find(({ fate }) => fate === "whole");
    if (item !== undefined) return item;
  }
  return undefined;
}

function bytesIn(lanes: readonly (readonly Received[])[], place: Place): number {
  return lanes
    .flatMap((lane, at) => lane.slice(0, place[at]))
    .reduce((total, { bytes }) => total + bytes.length, 0);
}

function keyOf({ reads, writes, readOffset, writeOffset, read, write }: Progress): string {
  // Of what else a read may have given, only what is still to be found makes a difference.
  const rest = read?.others === undefined ? "" : read.bytes.toString("latin1", readOffset);
  const inside = `${String(readOffset)}${read === null ? "" : "r"}${rest} ${String(writeOffset)}${write === null ? "" : "w"}`;
  return `${reads.join()} ${writes.join()} ${inside}`;
}

function shown(bytes: Buffer): string {
  const most = 16;
  const text = JSON.stringify(bytes.toString("latin1", 0, most));
  return bytes.length > most ? `${text}…` : text;
}
