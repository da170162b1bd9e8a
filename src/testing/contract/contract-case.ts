import type { ConnectionOptions } from "../../options/connection.js";
import { checkFunction, checkTimeout } from "../../options/checks.js";
import { checkedOptions, schemaOf } from "../../options/schema.js";
import { onManualClock, type ManualClock } from "../manual-clock.js";
import type { MakePair, Pair } from "./pair.js";
import { CASE_TIMEOUT_MS, inTurn, runCase, type PairMaker } from "./run-case.js";

/** How a case of the contract is run. */
export interface ContractRunOptions {
  /**
   * Milliseconds that the case may take until it has failed; what it has left is disposed of then. It is measured by the time
   * of the machine; a pause of the process, as in a debugger, counts as a sixteenth of it at most. `Infinity`: for ever. A test
   * runner should give the test some seconds more.
   *
   * @default 15_000
   * @example await run(makePair, { timeout: 4_000 });
   */
  timeout?: number | undefined;
}

/** Something that holds for every kind of connection. */
export interface ContractCase {
  /** What holds, as the name of a test. No other case has it. */
  readonly name: string;
  /**
   * Resolves when this holds for the pairs that `makePair` makes, and all of them are disposed of.
   *
   * Cases run one after the other, also if they are started together: some of them have a clock for all connections of the
   * thread, which only they move. All that a case has changed is as it was when its promise settles, also if it has failed.
   * Most cases take milliseconds.
   *
   * @throws AssertionError (`node:assert`) whose message begins with the name, and whose `cause` is what has failed: an
   *   assertion, an error of a call or of `makePair`, a promise that was rejected and that nothing handles, or time that ran out
   * @throws TypeError or RangeError for wrong arguments
   */
  readonly run: (makePair: MakePair, options?: ContractRunOptions) => Promise<void>;
}

/** A pair whose time stands still until the case moves its clock. */
export interface TimedPair extends Pair {
  readonly clock: ManualClock;
}

const RUN = schemaOf<ContractRunOptions>({ timeout: checkTimeout });

/** A case that makes its pairs itself. It need not dispose of them. */
export function contractCase(name: string, check: (makePair: PairMaker) => Promise<void>): ContractCase {
  return {
    name,
    run: async (makePair, options) => {
      checkFunction("makePair", makePair);
      const { timeout = CASE_TIMEOUT_MS } = checkedOptions(options, RUN, (given) => ({
        timeout: given.timeout,
      }));
      await inTurn(() => runCase(name, check, makePair, timeout));
    },
  };
}

/** A case about one pair. */
export function onPair(
  name: string,
  check: (pair: Pair) => Promise<void>,
  options?: ConnectionOptions,
): ContractCase {
  return contractCase(name, async (makePair) => check(await makePair(options)));
}

/** A case about the time that calls on one pair may take. It waits for no real time. */
export function onTimedPair(
  name: string,
  check: (pair: TimedPair) => Promise<void>,
  options?: ConnectionOptions,
): ContractCase {
  return contractCase(name, (makePair) =>
    onManualClock(async (clock) => check({ ...(await makePair(options)), clock })),
  );
}
