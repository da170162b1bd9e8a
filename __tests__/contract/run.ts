/**
 * Runs the contract with no test runner, which would keep unhandled rejections and warnings to itself. Run it with
 * `--unhandled-rejections=strict`: an error that nothing has caught is printed, and fails the run. It ends by itself, or else
 * something that a case has left keeps the process alive.
 *
 *     npx tsx __tests__/contract/run.ts                       all cases over all kinds of connections
 *     npx tsx __tests__/contract/run.ts "Unix sockets" …      all cases over some kinds
 *     … --write-uses FILE "TCP over IPv4"                     writes down which case asks for which capability
 *     … --uses FILE "TCP without knowsDescriptors" …          only the cases that ask for the one that is missing
 *
 * prints each case that fails, and at the end how many held; the status is 1 if one has failed. A parent that has opened a
 * channel (`child_process`, `"ipc"`) names one kind, gets the names of all cases, sends the name of the case to run,
 * and gets a `CaseResult`, until it closes the channel.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { inspect, parseArgs } from "node:util";
import { tellUses, type Capability } from "../../src/core/transport/node-internals.js";
import { kindsWithout, pairKinds, type PairKind } from "../support/pairs.js";
import { withSourcePlaces } from "../support/source-places.js";
import type { ContractCase } from "../../src/testing/contract/contract-case.js";
import { connectionContract } from "../../src/testing/contract/contract.js";

/** The capabilities that each case has asked for, by its name. */
export type Uses = Record<string, readonly Capability[]>;

/** How a case ended: the stack of its error, if it has failed. */
export interface CaseResult {
  readonly failure?: string;
}

/** Ms that a case may take: far longer than on a busy machine, and less than `holds.ts` waits for its result. */
const CASE_TIMEOUT_MS = 45_000;

/** Far longer than Node.js takes to close what a case has closed. */
const END_TIMEOUT_MS = 30_000;

/**
 * Ms that a case has to end by itself after an error that nothing has caught: one that fails may leave a read waiting, and its
 * own failure says more than that the read was closed.
 */
const TIME_AFTER_UNCAUGHT_MS = 1_000;

/** The case that a warning is attributed to. */
let running = "before the first case";

/** What that case has asked for, where this is written down. */
let asked = new Set<Capability>();

/** Ends that case. */
let giveUp: (error: unknown) => void = () => undefined;

process.on("uncaughtException", (error) => {
  console.error(`${running}: nothing has caught ${withSourcePlaces(inspect(error))}`);
  process.exitCode = 1;
  setTimeout(giveUp, TIME_AFTER_UNCAUGHT_MS, error);
});

process.on("warning", (warning) => {
  if (warning.name === "ExperimentalWarning") return;
  console.error(`${running}: ${withSourcePlaces(String(warning.stack))}`);
  process.exitCode = 1;
});

async function resultOf({ name, run }: ContractCase, kind: PairKind): Promise<CaseResult> {
  running = `${kind.name}: ${name}`;
  try {
    const givenUp = new Promise<never>((_resolve, reject) => (giveUp = reject));
    await Promise.race([run(kind.makePair, { timeout: CASE_TIMEOUT_MS }), givenUp]);
    return {};
  } catch (error) {
    return { failure: withSourcePlaces(inspect(error)) };
  }
}

/** Runs all cases, or those that `uses` says are affected. Resolves to what each has asked for. */
async function runAll(kinds: readonly PairKind[], uses?: Uses): Promise<Uses> {
  const written: Record<string, readonly Capability[]> = {};
  let held = 0;
  let unaffected = 0;
  // A connection in memory that waits for the timer of its Duplex holds no process, and nor does that timer.
  const alive = setInterval(() => undefined, 60_000);
  for (const kind of kinds) {
    kind.enter?.();
    for (const each of connectionContract) {
      if (kind.without !== undefined && uses?.[each.name]?.includes(kind.without) === false) {
        unaffected++;
        continue;
      }
      asked = new Set();
      const { failure } = await resultOf(each, kind);
      if (failure === undefined) held++;
      else console.error(`${running}: ${failure}`);
      written[each.name] = [...asked];
    }
    kind.leave?.();
  }
  clearInterval(alive);
  console.log(`${held} held${unaffected > 0 ? `, ${unaffected} do not ask for what is missing` : ""}`);
  if (held + unaffected < kinds.length * connectionContract.length) process.exitCode = 1;
  return written;
}

function serve(kind: PairKind, send: (message: unknown) => void): void {
  const cases = new Map(connectionContract.map((each) => [each.name, each]));
  kind.enter?.();
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

const { values: files, positionals: names } = parseArgs({
  options: { uses: { type: "string" }, "write-uses": { type: "string" } },
  allowPositionals: true,
});
const known = [...pairKinds, ...kindsWithout];
const unknown = names.find((name) => known.every((kind) => kind.name !== name));
if (unknown !== undefined) throw new Error(`no such kind of connection: ${unknown}`);
const chosen = names.length === 0 ? pairKinds : known.filter(({ name }) => names.includes(name));
const [first] = chosen;
if (files["write-uses"] !== undefined) {
  tellUses((capability) => asked.add(capability));
  writeFileSync(files["write-uses"], JSON.stringify(await runAll(chosen)));
} else if (files.uses !== undefined) {
  await runAll(chosen, JSON.parse(readFileSync(files.uses, "utf8")) as Uses);
} else if (process.send === undefined) await runAll(chosen);
else if (first !== undefined) serve(first, process.send.bind(process));
