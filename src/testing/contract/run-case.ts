import assert, { AssertionError } from "node:assert/strict";
import process from "node:process";
// Imported rather than global: a case is bounded by real time, also where a test has fake timers.
import { clearTimeout, setTimeout } from "node:timers";
import { inspect } from "node:util";
// In the realms of jest, the errors of Node.js are no instances of `Error`.
import { isNativeError } from "node:util/types";
import { clock, LONGEST_TIMER_MS, useClock } from "../../core/timing/clock.js";
import type { ConnectionOptions } from "../../options/connection.js";
import { setResetCode, turn } from "./expectations.js";
import { completePair, type MakePair, type Pair } from "./pair.js";
import { setClogBytes } from "./payloads.js";

/** Far longer than a case takes on a busy machine. */
export const CASE_TIMEOUT_MS = 15_000;

/** The same of what is left of its pairs, which get no more time than the case had. */
const DISPOSE_TIMEOUT_MS = 5_000;

/** Time is counted in so many timers, one after the other: a pause of the process, however long, takes one of them. */
const SLICES = 16;

/** Makes a pair of which every fact is known; the options are those of both ends. */
export type PairMaker = (options?: ConnectionOptions) => Promise<Pair>;

let last: Promise<unknown> = Promise.resolve();

/** Calls `run` when all that was given before has settled. */
export function inTurn(run: () => Promise<void>): Promise<void> {
  const own = last.then(run);
  last = own.catch(() => undefined);
  return own;
}

/** Runs `check`, disposes of its pairs, and has all that is shared by the thread as it was before. */
export async function runCase(
  name: string,
  check: (makePair: PairMaker) => Promise<void>,
  makePair: MakePair,
  timeoutMs: number,
): Promise<void> {
  const pairs: Pair[] = [];
  const failures: unknown[] = [];
  const note = (failure: unknown): void => void failures.push(failure);
  let isOver = false;
  const makeNoted: PairMaker = async (options) => {
    const pair = completePair(await makePair(options));
    pairs.push(pair);
    if (isOver) {
      await pair.dispose();
      throw new Error("the case is over");
    }
    setClogBytes(pair.clogBytes);
    setResetCode(pair.resetCode);
    return pair;
  };
  const ownClock = clock;
  // What a check that has failed leaves waiting rejects when its pair is disposed of: that is no failure of the process.
  let giveUp = note;
  const onUnhandled = (reason: unknown): void => giveUp(reason);
  process.on("unhandledRejection", onUnhandled);
  try {
    const unhandled = new Promise<never>((_resolve, reject) => {
      giveUp = reject;
    });
    await within(timeoutMs, "it", Promise.race([unhandled, (async () => check(makeNoted))()])).catch(note);
    giveUp = note;
    isOver = true;
    useClock(ownClock);
    await within(Math.min(timeoutMs, DISPOSE_TIMEOUT_MS), "disposing of its pairs", dropAll(pairs)).catch(
      note,
    );
    await turn();
  } finally {
    process.off("unhandledRejection", onUnhandled);
    setClogBytes();
    setResetCode();
  }
  if (failures.length > 0) throw failureOf(name, failures[0]);
}

async function dropAll(pairs: readonly Pair[]): Promise<void> {
  await Promise.all(pairs.map(({ dispose }) => dispose()));
  for (const { a, b } of pairs) {
    assert.deepEqual([a.fd, b.fd], [undefined, undefined], "a descriptor was left behind");
  }
}

/** Settles as `promise` does, or rejects when time is over. The timers keep the process alive. */
async function within(ms: number, what: string, promise: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = `${what} took longer than ${ms} ms`;
    const slice = Math.min(ms / SLICES, LONGEST_TIMER_MS);
    const wait = (left: number): void => {
      if (left === 0) reject(new AssertionError({ message }));
      else timer = setTimeout(wait, slice, left - 1);
    };
    wait(SLICES);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Says the name of the case; otherwise as `cause`, whose stack it has: `util.inspect` does not print causes of assertions. */
function failureOf(name: string, cause: unknown): AssertionError {
  const { actual, expected } = cause instanceof AssertionError ? cause : ({} as Partial<AssertionError>);
  const message = `${name}: ${messageOf(cause)}`;
  const failure = new AssertionError({ message, actual, expected });
  failure.stack = [`${failure.name} [${failure.code}]: ${message}`, ...framesOf(cause)].join("\n");
  return Object.defineProperty(failure, "cause", { value: cause, configurable: true, writable: true });
}

function messageOf(error: unknown): string {
  if (!isNativeError(error)) return inspect(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}

/** Where the innermost error was made. */
function framesOf(error: unknown): readonly string[] {
  if (!isNativeError(error)) return [];
  const inner = framesOf(error.cause);
  return inner.length > 0 ? inner : (error.stack ?? "").split("\n").filter((line) => /^ {4}at /u.test(line));
}
