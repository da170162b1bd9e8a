/**
 * Plants faults in the sources, one at a time, and says which of them no test notices.
 *
 *     npm run mutation -- messages                 one area; without a name, all of them, one after the other
 *     npm run mutation -- core/reading lines.ts    of an area, one file
 *     KILLED=FILE npm run mutation -- all          of all areas what was not killed by the lines of FILE, by all the tests
 *
 * Writes `mutation/reports/AREA.json` (the format of Stryker's reports) and, while it runs, each mutant into `AREA.jsonl`.
 */
import { Stryker } from "@stryker-mutator/core";

const IN_MEMORY = "connections in memory";
const TCP = "TCP over IPv4";

const area = (mutate, ...tests) => ({ mutate, tests: `^(${tests.join("|")})` });

/** What is mutated at a time, and the tests that find it: those in `__tests__`, and kinds of connections of the contract. */
const AREAS = {
  messages: {
    ...area(["src/messages/**/*.ts"], "messages/", "inspection", "requests/(kinds|model)", IN_MEMORY),
    cases: "message|frame|codec|decode",
  },
  "core/reading": area(
    ["src/core/reading/*.ts"],
    "core/reading/",
    "core/reentrance",
    "messages/",
    IN_MEMORY,
    TCP,
  ),
  "core/bytes": area(["src/core/bytes/*.ts"], "core/(bytes|reading|writing)/", "messages/", IN_MEMORY),
  "core/writing": area(["src/core/writing/*.ts"], "core/", IN_MEMORY, TCP, "TCP without Node's internals"),
  dial: area(["src/dial/*.ts"], "dial/", "connect/", "address/", "diagnostics"),
  errors: area(["src/errors.ts"], "errors", "mistakes", "inspection", "connect/", "dial/", IN_MEMORY),
  accept: area(["src/accept/*.ts"], "accept/", "listen/", "serve/", "diagnostics", "tls/server"),
  "core/timing": area(
    ["src/core/timing/*.ts"],
    "core/",
    "connect/",
    "dial/",
    "requests/(kinds|model)",
    IN_MEMORY,
    TCP,
  ),
  "core/link": area(
    ["src/core/*.ts"],
    "core/",
    "views/",
    "connection-events",
    "inspection",
    "testing/",
    IN_MEMORY,
    TCP,
    "adopted",
  ),
  "core/transport": area(
    ["src/core/transport/**/*.ts"],
    "core/",
    "views/",
    "tls/(client|server|early-end|small-writes|adopted)",
    "testing/",
    "accept/",
    IN_MEMORY,
    TCP,
    "TLS 1.3",
    "adopted",
    "TCP without Node's internals",
  ),
};

/** All areas at once, each mutant by all the tests. */
const ALL = { mutate: Object.values(AREAS).flatMap(({ mutate }) => mutate), tests: "" };

const [chosen, file] = process.argv.slice(2);
const names = chosen === undefined ? Object.keys(AREAS) : [chosen];

for (const name of names) {
  const area = name === "all" ? ALL : AREAS[name];
  if (area === undefined)
    throw new Error(`no such area: ${name}; there are ${Object.keys(AREAS).join(", ")}, and all`);
  process.env.TESTS = area.tests;
  process.env.CASES = area.cases ?? "";
  process.env.MUTANTS = `mutation/reports/${name.replaceAll("/", "-")}.jsonl`;
  await new Stryker({
    packageManager: "npm",
    plugins: [new URL("runner.mjs", import.meta.url).pathname],
    testRunner: "suite",
    coverageAnalysis: "perTest",
    ignoreStatic: true,
    buildCommand: "node mutation/build.mjs",
    ignorePatterns: ["dist", "bench", "examples", "mutation/reports", "mutation/.build"],
    tempDirName: `mutation/.build/${name.replaceAll("/", "-")}`,
    mutate: file === undefined ? area.mutate : area.mutate.map((glob) => glob.replace(/\*.*/, `**/${file}`)),
    reporters: ["clear-text", "json", "lines"],
    clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
    jsonReporter: { fileName: process.env.MUTANTS.replace("jsonl", "json") },
    concurrency: Number(process.env.CONCURRENCY ?? 1),
    timeoutMS: 6_000,
    // The first run, of all tests of the area: with the default of 5, that of core/transport did not end on a busy machine.
    dryRunTimeoutMinutes: 60,
    timeoutFactor: 1.5,
    disableTypeChecks: false,
    allowConsoleColors: false,
    maxTestRunnerReuse: 100,
  }).runMutationTest();
}
