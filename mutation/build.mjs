/**
 * Makes one module of the sources and the tests, `mutation/.build/suite.mjs`: its export `files` has a function for each file
 * of tests, which loads the file. To import the module again, under another name, is to load everything anew.
 *
 * Tests whose subject is another process are left out: a mutant is switched on in this one only.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, transform } from "esbuild";

/** Of these folders each test is about programs, packages, documents or other processes. */
const OTHER_PROCESSES = /^(cli|contract|deaths|fuzz|network|peers|platforms|process|repository)\//;

/** What starts a process, which takes long and can kill no mutant. For the coverage such files are of use. */
const STARTS_PROCESSES = process.env.INSTRUMENT
  ? /(?!)/
  : /child_process|support\/(bundle|machine|openssl|program|python|redis)/;

/** Kinds of connections that between them pass through most of `core/`. */
const KINDS = [
  "connections in memory",
  "TCP over IPv4",
  "adopted streams",
  "TLS 1.3",
  "adopted TLS sockets",
  "TCP without Node's internals",
];

/** They replace the timers of the process, and load programs that, as one module, wait for each other. */
const CANNOT_RUN = /^testing\/simulation\//;

const tests = readdirSync("__tests__", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts") && !OTHER_PROCESSES.test(file) && !CANNOT_RUN.test(file))
  .filter((file) => !STARTS_PROCESSES.test(readFileSync(`__tests__/${file}`, "utf8")))
  .sort();

/** Of the files and kinds, those whose names fit this, if it is given: what is mutated needs no more. */
const CHOSEN = new RegExp(process.env.TESTS ?? "", "u");

const loaders = [
  ...tests.map((file) => [file, `import(${JSON.stringify(`./__tests__/${file}`)})`]),
  ...KINDS.map((kind) => [
    kind,
    `import("./mutation/suite.ts").then((suite) => suite.contractHoldsFor(${JSON.stringify(kind)}))`,
  ]),
  ["random sequences", `import("./mutation/suite.ts").then((suite) => suite.randomSequencesHold())`],
].filter(([name]) => CHOSEN.test(name));

/** The file's text, which finds the files beside it although all are in one module. */
function located(path) {
  return readFileSync(path, "utf8")
    .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href))
    .replaceAll("import.meta.dirname", JSON.stringify(resolve(path, "..")));
}

const locating = {
  name: "locating",
  setup({ onLoad }) {
    onLoad({ filter: /\/(__tests__|src)\/.*\.ts$/ }, ({ path }) => ({
      contents: located(path),
      loader: "ts",
    }));
  },
};

const { createInstrumenter } = createRequire(new URL("../package.json", import.meta.url))(
  "istanbul-lib-instrument",
);

/** Has each source count how often its branches are taken. */
const counting = {
  name: "counting",
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
      // The contract is a test. The tests of the simulation are not here, and the program runs in other processes.
      if (/\/src\/(cli|testing\/(contract|simulation))\//.test(path)) return undefined;
      const { code, map } = await transform(located(path), {
        loader: "ts",
        target: "es2022",
        sourcefile: path,
        sourcemap: "external",
      });
      const instrumenter = createInstrumenter({ esModules: true, compact: false });
      return { contents: instrumenter.instrumentSync(code, path, JSON.parse(map)), loader: "js" };
    });
  },
};

await build({
  stdin: {
    contents: `import fc from "fast-check";
fc.configureGlobal({ endOnFailure: true });
export { countFromHere } from "./__tests__/support/resources.ts";
export const files = {${loaders.map(([name, load]) => `${JSON.stringify(name)}: () => ${load},`).join("\n")}};`,
    resolveDir: ".",
  },
  outfile: "mutation/.build/suite.mjs",
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20.19",
  packages: "external",
  alias: {
    "@jest/globals": "./mutation/jest-object.mjs",
    tcp6: "./src/index.ts",
    "tcp6/testing": "./src/testing/index.ts",
  },

  logLevel: "error",
  plugins: process.env.INSTRUMENT ? [counting, locating] : [locating],
  // Some tests look for their own names in stacks.
  sourcemap: process.env.INSTRUMENT ? "inline" : false,
});
