import { checkLimit, checkSize, checkTimeout, outOfRange, wrongType } from "../../options/checks.js";
import { checkedOptions, schemaOf, type Complete } from "../../options/schema.js";

/**
 * After how many bytes a fault begins. A number holds for each direction, which counts its own bytes. An object names the
 * direction: bytes that are read from the faulty stream, or written to it.
 */
export type ByteCount =
  | number
  | {
      /** Bytes that are read from the faulty stream. Absent: this direction has no such fault. */
      readonly read?: number | undefined;
      /** Bytes that are written to it. Absent: this direction has no such fault. */
      readonly write?: number | undefined;
    };

/** What {@link faulty} does to the bytes that pass a stream. Without any of these they pass as they come. */
export interface Faults {
  /**
   * What everything random is drawn from: a whole number. The same seed cuts, joins and delays the same bytes, written and
   * arriving in the same pieces, in the same way.
   *
   * @default 1
   * @example faulty(socket, { seed: Number(process.env.SEED ?? 1), chop: true });
   */
  seed?: number | undefined;
  /**
   * Milliseconds that bytes, and the end behind them, are on their way in each direction; with a list, at random from the
   * first to the second for each piece. Nothing overtakes: a piece is never faster than the one before it.
   *
   * @default 0: a later turn of the event loop
   * @example faulty(socket, { latency: [20, 80] });
   */
  latency?: number | readonly [min: number, max: number] | undefined;
  /**
   * Cuts what passes into pieces of random sizes, each in a turn of the event loop of its own. A number: most bytes of a
   * piece. `true`: 1 to 1_024 bytes, and more often few.
   *
   * @default false
   * @example faulty(socket, { chop: 1 }); // byte by byte
   */
  chop?: boolean | number | undefined;
  /**
   * Joins, at random, pieces that follow each other within 5 ms. A number: most bytes of what is joined. `true`: 65_536.
   * Together with `chop` it moves the borders between pieces.
   *
   * @default false
   * @example faulty(socket, { merge: true });
   */
  merge?: boolean | number | undefined;
  /**
   * Bytes after which a direction is silent: nothing passes any more, no bytes, no end and no failure, until the program
   * destroys the stream. `0`: from the beginning.
   *
   * @default Infinity
   * @example faulty(socket, { stallAfter: { read: 100 } }); // requests arrive, answers are cut short
   */
  stallAfter?: ByteCount | undefined;
  /**
   * Bytes after which the connection is reset, for both ends: as many still pass, and the stream fails with `ECONNRESET` once
   * they are read. The stream beneath is reset if it is a socket, and otherwise destroyed. `0`: at once.
   *
   * @default Infinity
   * @example faulty(socket, { resetAfter: 1_000 });
   */
  resetAfter?: ByteCount | undefined;
  /**
   * Bytes that pass unharmed; of the byte behind them one bit is changed, and all others pass unharmed again.
   *
   * @default Infinity
   * @example faulty(socket, { corruptAfter: { write: 0 } }); // the first byte of the request
   */
  corruptAfter?: ByteCount | undefined;
}

/** The faults of one direction. */
export interface DirectionFaults {
  /** In ms. */
  readonly latency: readonly [min: number, max: number];
  /** Most bytes of a piece, the pieces being `any` size up to that or `mostly small`; `null`: as it comes. */
  readonly chop: { readonly most: number; readonly sizes: "any" | "mostly small" } | null;
  /** Most bytes that are joined; 0: none. */
  readonly merge: number;
  readonly stallAfter: number;
  readonly resetAfter: number;
  readonly corruptAfter: number;
}

export type Direction = "read" | "write";

const MOST_CHOPPED_BYTES = 1_024;
const MOST_MERGED_BYTES = 64 * 1024;
const LONGEST_LATENCY_MS = 86_400_000;

const FAULTS = schemaOf<Faults>(
  {
    seed: (name, value) => checkSize(name, value),
    latency: checkLatency,
    chop: checkMost,
    merge: checkMost,
    stallAfter: checkCount,
    resetAfter: checkCount,
    corruptAfter: checkCount,
  },
  {
    kind: "fault",
    argument: "faults",
    elsewhere: {
      delay: "what delays bytes is latency",
      loss: "TCP sends again what is lost, which only delays: latency, or stallAfter",
      reset: "resetAfter says after how many bytes",
      corrupt: "corruptAfter says after how many bytes",
      stall: "stallAfter says after how many bytes",
    },
  },
);

/** The faults as they are at the call, checked. */
export function checkedFaults(given: Faults): Complete<Faults> {
  return checkedOptions(given, FAULTS, copyOf);
}

/** What the faults mean for one direction. */
export function faultsOf(direction: Direction, faults: Complete<Faults>): DirectionFaults {
  const { latency = 0, chop = false, merge = false } = faults;
  const after = (count: ByteCount = Infinity): number =>
    typeof count === "number" ? count : (count[direction] ?? Infinity);
  return {
    latency: typeof latency === "number" ? [latency, latency] : latency,
    chop:
      chop === false
        ? null
        : chop === true
          ? { most: MOST_CHOPPED_BYTES, sizes: "mostly small" }
          : { most: chop, sizes: "any" },
    merge: merge === false ? 0 : merge === true ? MOST_MERGED_BYTES : merge,
    stallAfter: after(faults.stallAfter),
    resetAfter: after(faults.resetAfter),
    corruptAfter: after(faults.corruptAfter),
  };
}

function copyOf(given: Faults): Complete<Faults> {
  const { seed, latency, chop, merge, stallAfter, resetAfter, corruptAfter } = given;
  return {
    seed,
    latency: Array.isArray(latency) ? ([...latency] as [number, number]) : latency,
    chop,
    merge,
    stallAfter: copyOfCount(stallAfter),
    resetAfter: copyOfCount(resetAfter),
    corruptAfter: copyOfCount(corruptAfter),
  };
}

function copyOfCount(count: ByteCount | undefined): ByteCount | undefined {
  return typeof count === "object" && (count as unknown) !== null
    ? checkedOptions(count, COUNT, copyOfDirections)
    : count;
}

type Directions = Exclude<ByteCount, number>;

const COUNT = schemaOf<Directions>(
  { read: checkLimit, write: checkLimit },
  { kind: "direction", argument: "a count of bytes" },
);

function copyOfDirections({ read, write }: Directions): Complete<Directions> {
  return { read, write };
}

function checkCount(name: string, value: unknown): void {
  if (typeof value === "number") checkLimit(name, value);
  // An object has been checked when it was copied.
  else if (typeof value !== "object" || value === null) {
    throw wrongType(name, "a number of bytes, or { read, write }", value);
  }
}

function checkMost(name: string, value: unknown): void {
  if (typeof value === "boolean") return;
  if (typeof value !== "number") throw wrongType(name, "a boolean or a number of bytes", value);
  if (!Number.isInteger(value) || value < 1)
    throw outOfRange(name, "a whole number of bytes, 1 or more", value);
}

function checkLatency(name: string, value: unknown): void {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length > 2 || (Array.isArray(value) && list.length < 2)) {
    throw wrongType(name, "a number of milliseconds, or [min, max]", value);
  }
  for (const one of list) {
    checkTimeout(name, one);
    if (one > LONGEST_LATENCY_MS) {
      throw outOfRange(name, "at most a day (stallAfter: 0 is a stream on which nothing arrives)", one);
    }
  }
  const [min, max = min] = list as readonly [number, number?];
  if (min > max) throw outOfRange(name, "[min, max]", min);
}
