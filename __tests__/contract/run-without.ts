/**
 * Runs the contract with one capability of `node-internals.ts` after the other switched off, in several processes beside
 * each other, since they wait more than they work. Prints what fails; the status is 1 then.
 *
 *     npm run test:internals                               all of them
 *     npm run test:internals -- writesDirectly …           some of them
 *     npm run test:internals -- --share 1/3                the first of three shares of them
 *     npm run test:internals -- --uses FILE                with what an earlier run has written into the file
 *
 * The cases run with all capabilities first, and it is written down which case asks for which: those that do not ask for the
 * one that is switched off would run as before, and do not run again. A run that is given a file keeps this there, and one
 * that finds it there does not run them with all capabilities.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildProgram } from "../support/build-program.js";
import { FULL_KIND, kindsWithout, type PairKind } from "../support/pairs.js";
import { ENVIRONMENT } from "./environment.js";
import type { Uses } from "./run.js";

/** Processes beside each other. Each runs some kinds: the later ones find code that is compiled, and need less time. */
const PROCESSES = 4;

/** Far longer than a kind takes on a busy machine. Each case is bounded by itself: this is for a process that does not end. */
const TIMEOUT_PER_KIND_MS = 600_000;

const { values, positionals: wanted } = parseArgs({
  options: { share: { type: "string", default: "1/1" }, uses: { type: "string" } },
  allowPositionals: true,
});
const [share = 1, shares = 1] = values.share.split("/").map(Number);
const kinds = kindsWithout
  .filter(({ name }) => wanted.length === 0 || wanted.some((one) => name.endsWith(one)))
  .filter((_kind, index) => index % shares === share - 1);
if (kinds.length === 0) throw new Error("no such capability, or no such share");
const directory = mkdtempSync(join(tmpdir(), "tcp6-"));
const program = join(directory, "run.mjs");
buildProgram(new URL("run.ts", import.meta.url), program);
const file = values.uses ?? join(directory, "uses.json");

// What is without something that TCP does not have runs whole.
const whole = run(kinds.filter(({ without }) => without === undefined));
if (!existsSync(file)) await run([FULL_KIND], "--write-uses", file);
const asked = Object.values(JSON.parse(readFileSync(file, "utf8")) as Uses);
if (asked.length === 0 || asked.some(({ length }) => length === 0))
  throw new Error("cases whose uses were not seen");
const affected = kinds
  .map((kind) => ({ kind, cases: asked.filter((some) => some.some((one) => one === kind.without)).length }))
  .filter(({ kind, cases }) => {
    if (cases === 0 && kind.without !== undefined) console.log(`${kind.name}: no case asks for it`);
    return cases > 0;
  })
  .sort((one, other) => other.cases - one.cases);
await Promise.all([
  whole,
  ...Array.from({ length: PROCESSES - 1 }, (_, at) =>
    run(
      affected.filter((_each, index) => index % (PROCESSES - 1) === at).map(({ kind }) => kind),
      "--uses",
      file,
    ),
  ),
]);
rmSync(directory, { recursive: true });

/** Runs some kinds in one process. */
async function run(some: readonly PairKind[], ...options: readonly string[]): Promise<void> {
  if (some.length === 0) return;
  const names = some.map(({ name }) => name);
  const args = ["--unhandled-rejections=strict", program, ...options, ...names];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: ENVIRONMENT,
    timeout: names.length * TIMEOUT_PER_KIND_MS,
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [code] = (await once(child, "close")) as [number | null];
  console.log(`${names.join(", ")}: ${output.trim() || "did not end"}`);
  if (code !== 0) process.exitCode = 1;
}
