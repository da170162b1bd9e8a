/**
 * Runs the tests in this process, by jest's own jest-circus. What `mutation/build.mjs` has made holds them and the sources;
 * each run loads both anew.
 */
import { createRequire } from "node:module";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../package.json", import.meta.url));
const circus = require("jest-circus");
const { expect } = require("expect");

/** Ends a test that waits for what a mutant has lost. Any test needs a tenth of it, on a machine that has nothing else to do. */
const TEST_TIMEOUT_MS = 8_000;

/** Of the run without a mutant, which may be on a busy machine. */
const FIRST_TEST_TIMEOUT_MS = 60_000;

/** For the longest that a file takes to load. */
const LOAD_TIMEOUT_MS = 15_000;

/** Stryker changes to its copy of the project only after it has loaded this module. */
const suite = () => pathToFileURL("mutation/.build/suite.mjs").href;

const { describe, it, test, beforeAll, beforeEach, afterAll, afterEach } = circus;
Object.assign(globalThis, { describe, it, test, beforeAll, beforeEach, afterAll, afterEach, expect });

/** Shared with what Stryker has put into the sources. */
export const stryker = (globalThis.__stryker__ ??= {});

let loads = 0;

/** What nothing has caught since the last test has ended. */
let uncaught = [];

process.on("uncaughtException", (error) => uncaught.push(error));
process.on("unhandledRejection", (error) => uncaught.push(error));
process.on("warning", (warning) => {
  if (!/^ExperimentalWarning|\/node_modules\//.test(warning.stack)) uncaught.push(warning);
});

/** The values of Stryker's `TestStatus`. */
const PASSED = 0;
const FAILED = 1;

/** Runs the tests whose ids `testFilter` has, or all; the ids are those of the files, with a number. */
export async function run({ testFilter, bail = false, beforeTests = () => undefined }) {
  const chosen = testFilter && new Set(testFilter);
  const fileOf = (id) => id.slice(0, id.lastIndexOf("#"));
  const chosenFiles = chosen && new Set(testFilter.map(fileOf));
  const { files, countFromHere } = await import(`${suite()}?${++loads}`);
  const results = [];
  for (const [file, load] of Object.entries(files)) {
    if (chosenFiles && !chosenFiles.has(file)) continue;
    const active = stryker.activeMutant;
    circus.resetState();
    circus.getState().testTimeout =
      stryker.activeMutant === undefined && chosen === undefined ? FIRST_TEST_TIMEOUT_MS : TEST_TIMEOUT_MS;
    if (!(await isLoaded(load()))) {
      const failureMessage =
        "has not loaded: programs with a top-level await that import each other cannot, in one module";
      results.push({ id: `${file}#load`, name: file, status: FAILED, failureMessage, timeSpentMs: 0 });
      continue;
    }
    countFromHere();
    beforeTests();
    results.push(...(await runFile(file, chosen, bail)));
    if (bail && results.some(({ status }) => status === FAILED)) break;
    stryker.activeMutant = active;
  }
  return results;
}

/** Whether a file loads in time. */
function isLoaded(loading) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, LOAD_TIMEOUT_MS, false)));
  return Promise.race([loading.then(() => true), late]).finally(() => clearTimeout(timer));
}

async function runFile(file, chosen, bail) {
  const results = [];
  const ids = new Map();
  let begun = 0;
  const skipAll = () => {
    for (const each of ids.keys()) each.mode = "skip";
  };
  const follow = (event, state) => {
    if (event.name === "run_start") {
      number(state.rootDescribeBlock, file, ids);
      for (const [each, id] of ids) if (chosen && !chosen.has(id)) each.mode = "skip";
    } else if (event.name === "test_start") {
      stryker.currentTestId = ids.get(event.test);
      begun = performance.now();
    } else if (event.name === "test_done") {
      const id = ids.get(event.test);
      stryker.currentTestId = undefined;
      const errors = [...event.test.errors, ...uncaught];
      uncaught = [];
      const failureMessage = errors.map(messageOf).join("\n");
      const status = errors.length === 0 ? PASSED : FAILED;
      results.push({
        id,
        name: `${file}: ${nameOf(event.test)}`,
        fileName: undefined,
        status,
        failureMessage,
        timeSpentMs: performance.now() - begun,
      });
      if (bail && status === FAILED) skipAll();
    }
  };
  circus.addEventHandler(follow);
  const { unhandledErrors } = await circus.run();
  circus.removeEventHandler(follow);
  if (unhandledErrors.length > 0) {
    const [failureMessage] = unhandledErrors;
    results.push({ id: `${file}#unhandled`, name: file, status: FAILED, failureMessage, timeSpentMs: 0 });
  }
  return results;
}

function number(block, file, ids) {
  for (const child of block.children) {
    if (child.type === "describeBlock") number(child, file, ids);
    else if (child.mode !== "skip" && child.mode !== "todo") ids.set(child, `${file}#${ids.size}`);
  }
}

function nameOf({ name, parent }) {
  return parent.name === "ROOT_DESCRIBE_BLOCK" ? name : `${nameOf(parent)} ${name}`;
}

function messageOf(error) {
  const [first, second] = [error].flat();
  return String((first ?? second)?.stack ?? first ?? second);
}
