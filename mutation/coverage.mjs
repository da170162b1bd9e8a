/**
 * Which branches of the sources no test takes. Runs the tests, and the contract over several kinds of connections, in this
 * process; tests of other processes are not in it. Fails if a test fails, or for less than 95 % of the branches.
 *
 *     npm run coverage                     all sources: percentages by folder, and what is not covered by file
 *     npm run coverage -- "^dial/"         only the tests in a folder
 */
import { createRequire } from "node:module";
import { mkdirSync, writeFileSync } from "node:fs";

const require = createRequire(new URL("../package.json", import.meta.url));
const { createCoverageMap } = require("istanbul-lib-coverage");
const { createSourceMapStore } = require("istanbul-lib-source-maps");
const { createContext } = require("istanbul-lib-report");
const reports = require("istanbul-reports");

const LEAST_BRANCHES_PERCENT = 95;
const DIRECTORY = "mutation/reports/coverage";

// Some tests wait for what keeps no process alive.
setInterval(() => undefined, 60_000);
process.env.TESTS = process.argv[2] ?? "";
process.env.INSTRUMENT = "1";
process.setSourceMapsEnabled(true);
await import("./build.mjs");
const { run } = await import("./tests.mjs");
const results = await run({});
const failed = results.filter(({ failureMessage }) => failureMessage);
for (const { name, failureMessage } of failed) console.error(`${name}\n${failureMessage}\n`);

const coverageMap = await createSourceMapStore().transformCoverage(
  createCoverageMap(globalThis.__coverage__),
);
mkdirSync(DIRECTORY, { recursive: true });
writeFileSync(`${DIRECTORY}/coverage-final.json`, JSON.stringify(coverageMap));
const context = createContext({ dir: DIRECTORY, coverageMap, defaultSummarizer: "nested" });
for (const name of ["text", "json-summary"]) reports.create(name).execute(context);
const percent = coverageMap.getCoverageSummary().branches.pct;
console.log(`${results.length} tests, ${failed.length} failed; ${percent} % of the branches`);
process.exit(failed.length > 0 || percent < LEAST_BRANCHES_PERCENT ? 1 : 0);
