/**
 * Runs the contract with no test runner, which would keep unhandled rejections and warnings to itself. Run it with
 * `--unhandled-rejections=strict`: an error that nothing has caught is printed, and fails the run. It ends by itself, or else
 * something that a case has left keeps the process alive.
 *
 *     npx tsx __tests__/contract/run.ts                       all cases over all kinds of connections
 *     npx tsx __tests__/contract/run.ts "Unix sockets" …      all cases over some kinds
 *
 * prints each case that fails, and at the end how many held; the status is 1 if one has failed. A parent that has opened a
 * channel (`child_process`, `"ipc"`) names one kind, gets the names of all cases, sends the name of the case to run,
 * and gets a `CaseResult`, until it closes the channel.
 */
import { inspect } from "node:util";
import { kindsWithout, pairKinds, type PairKind } from "../support/pairs.js";
import type { ContractCase } from "../../src/testing/contract/contract-case.js";
import { connectionContract } from "../../src/testing/contract/contract.js";
import { setClogBytes } from "../../src/testing/contract/payloads.js";

/** How a case ended: the stack of its error, if it has failed. */
export interface CaseResult {
  readonly failure?: string;
}

/** Far longer than Node.js takes to close what a case has closed. */
const END_TIMEOUT_MS = 5_000;

/**
 * Ms that a case has to end by itself after an error that nothing has caught: one that fails may leave a read waiting, and its
 * own failure says more than that the read was closed.
 */
const TIME_AFTER_UNCAUGHT_MS = 1_000;

/** The case that a warning is attributed to. */
let running = "before the first case";

/** Ends that case. */
let giveUp: (error: unknown) => void = () => undefined;

process.on("uncaughtException", (error) => {
  console.error(`${running}: nothing has caught ${inspect(error)}`);
  process.exitCode = 1;
  setTimeout(giveUp, TIME_AFTER_UNCAUGHT_MS, error);
});

process.on("warning", (warning) => {
  if (warning.name === "ExperimentalWarning") return;
  console.error(`${running}: ${String(warning.stack)}`);
  process.exitCode = 1;
});

function enter(kind: PairKind): void {
  setClogBytes(kind.clogBytes);
  kind.enter?.();
}

async function resultOf({ name, run }: ContractCase, kind: PairKind): Promise<CaseResult> {
  running = `${kind.name}: ${name}`;
  try {
    const givenUp = new Promise<never>((_resolve, reject) => (giveUp = reject));
    await Promise.race([run(kind.makePair), givenUp]);
    return {};
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : inspect(error) };
  }
}

async function runAll(kinds: readonly PairKind[]): Promise<void> {
  let held = 0;
  // A connection in memory that waits for the timer of its Duplex holds no process, and nor does that timer.
  const alive = setInterval(() => undefined, 60_000);
  for (const kind of kinds) {
    enter(kind);
    for (const each of connectionContract) {
      const { failure } = await resultOf(each, kind);
      if (failure === undefined) held++;
      else console.error(`${running}: ${failure}`);
    }
    kind.leave?.();
  }
  clearInterval(alive);
  console.log(`${held} held`);
  if (held < kinds.length * connectionContract.length) process.exitCode = 1;
}

function serve(kind: PairKind, send: (message: unknown) => void): void {
  const cases = new Map(connectionContract.map((each) => [each.name, each]));
  enter(kind);
  process.on("message", (name: string) => {
    void resultOf(cases.get(name) as ContractCase, kind).then(send);
  });
  process.on("disconnect", () => {
    setTimeout(() => {
      console.error(`something keeps the process alive: ${process.getActiveResourcesInfo().join(", ")}`);
      process.exit(1);
    }, END_TIMEOUT_MS).unref();
  });
  send([...cases.keys()]);
}

const names = process.argv.slice(2);
const known = [...pairKinds, ...kindsWithout];
const unknown = names.find((name) => known.every((kind) => kind.name !== name));
if (unknown !== undefined) throw new Error(`no such kind of connection: ${unknown}`);
const chosen = names.length === 0 ? pairKinds : known.filter(({ name }) => names.includes(name));
const [first] = chosen;
if (process.send === undefined) await runAll(chosen);
else if (first !== undefined) serve(first, process.send.bind(process));
