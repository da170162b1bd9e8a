/**
 * Plugins for Stryker: a runner of the tests that pass through a mutant, and a reporter that writes a line of JSON for each mutant
 * as soon as its tests have run, so that a run which is ended early has told what it knows.
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { declareClassPlugin, PluginKind } from "@stryker-mutator/api/plugin";
import {
  determineHitLimitReached,
  DryRunStatus,
  MutantRunStatus,
  toMutantRunResult,
} from "@stryker-mutator/api/test-runner";
import { run, stryker } from "./tests.mjs";

/**
 * Of the mutants that tests pass through, the share that is tried, the same ones each time: `0.2` is the first fifth, `0.2-0.5`
 * goes on where that has ended.
 */
const [FROM, TO] = `0-${process.env.SHARE ?? "1"}`.split("-").slice(-2).map(Number);

const nameOf = ({ place, mutatorName, replacement }) => JSON.stringify([place, mutatorName, replacement]);

/** Stryker counts lines and columns from 0, and from 1 in what it reports. */
const placeOf = (fileName, { start }, first) =>
  `${fileName.slice(fileName.lastIndexOf("src/"))}:${start.line - first + 1}:${start.column - first + 1}`;

/** Those that were killed, or took too long, by the lines of earlier runs: they are not tried again. */
const killed = new Set(
  process.env.KILLED === undefined
    ? []
    : readFileSync(process.env.KILLED, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
        .filter(({ status }) => status === "Killed" || status === "Timeout")
        .map(nameOf),
);

function isInSample({ fileName, location, mutatorName, replacement }) {
  if (killed.has(nameOf({ place: placeOf(fileName, location, 0), mutatorName, replacement }))) return false;
  const { start, end } = location;
  const name = JSON.stringify([start, end, mutatorName, replacement]);
  const place = createHash("sha1").update(name).digest().readUInt32BE() / 2 ** 32;
  return FROM <= place && place < TO;
}

/** Seconds that the tests of one mutant may take, by how long they took without one. */
const BUDGET_SECONDS = Number(process.env.BUDGET ?? Infinity);

/** How long each test took in the first run, in ms. */
const FOUND_FILE = "mutation/.build/tests.json";

function writeFound(tests) {
  const found = tests.map(({ id, timeSpentMs }) => [id, timeSpentMs]);
  writeFileSync(FOUND_FILE, JSON.stringify(Object.fromEntries(found)));
}

/** As many of the tests as the budget has time for: most kill a mutant by much the same, so the shortest come first. */
function withinBudget(ids) {
  if (BUDGET_SECONDS === Infinity || ids === undefined) return ids;
  const found = JSON.parse(readFileSync(FOUND_FILE, "utf8"));
  const chosen = [];
  let left = BUDGET_SECONDS * 1000;
  for (const id of ids.toSorted((one, other) => found[one] - found[other])) {
    left -= found[id];
    if (left < 0 && chosen.length > 0) break;
    chosen.push(id);
  }
  return chosen;
}

class SuiteRunner {
  capabilities() {
    return { reloadEnvironment: true };
  }

  async dryRun({ coverageAnalysis }) {
    stryker.activeMutant = undefined;
    stryker.hitLimit = undefined;
    stryker.mutantCoverage = { static: {}, perTest: {} };
    // One that fails without a mutant, which tests of stacks do in one module, can tell nothing of a mutant.
    const tests = (await run({})).filter(({ failureMessage }) => !failureMessage);
    if (coverageAnalysis === "off") return { status: DryRunStatus.Complete, tests };
    writeFound(tests);
    return { status: DryRunStatus.Complete, tests, mutantCoverage: stryker.mutantCoverage };
  }

  async mutantRun({ activeMutant, testFilter, disableBail, hitLimit, mutantActivation }) {
    if (!isInSample(activeMutant))
      return { status: MutantRunStatus.Error, errorMessage: "not in the sample" };
    stryker.mutantCoverage = undefined;
    stryker.hitLimit = hitLimit;
    stryker.hitCount = hitLimit === undefined ? undefined : 0;
    stryker.activeMutant = undefined;
    const activate = () => (stryker.activeMutant = activeMutant.id);
    if (mutantActivation === "static") activate();
    const tests = await run({
      testFilter: withinBudget(testFilter),
      bail: !disableBail,
      beforeTests: activate,
    });
    const overLimit = determineHitLimitReached(stryker.hitCount, stryker.hitLimit);
    return toMutantRunResult(overLimit ?? { status: DryRunStatus.Complete, tests });
  }
}

class LinesReporter {
  #file = process.env.MUTANTS;

  onMutationTestingPlanReady({ mutantPlans }) {
    mkdirSync(dirname(this.#file), { recursive: true });
    writeFileSync(this.#file, `${JSON.stringify({ mutants: mutantPlans.length })}\n`);
  }

  onMutantTested({
    fileName,
    location,
    mutatorName,
    replacement,
    status,
    statusReason,
    killedBy,
    testsCompleted,
  }) {
    const place = placeOf(fileName, location, 1);
    const reason = statusReason?.slice(0, 300);
    const line = { status, place, mutatorName, replacement, testsCompleted, killedBy, reason };
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

export const strykerPlugins = [
  declareClassPlugin(PluginKind.TestRunner, "suite", SuiteRunner),
  declareClassPlugin(PluginKind.Reporter, "lines", LinesReporter),
];
