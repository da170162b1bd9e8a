/**
 * Runs the scenarios of leaks.ts, each so often that what it leaves behind would add up, and prints a line for each.
 *
 *     npm run leaks                                  all of them; some minutes
 *     npm run leaks -- --scale 0.1 reads tls         some, a tenth as often
 *     npm run leaks -- --samples reads               with what was counted after each slice
 *     npm run leaks -- --planted                     what leaks on purpose
 *
 * As one module of JavaScript: with the source maps of tsx each error would cost many times as much.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildProgram } from "../support/build-program.js";

const directory = mkdtempSync(join(tmpdir(), "tcp6-"));
const outfile = join(directory, "leaks.mjs");
buildProgram(new URL("leaks.ts", import.meta.url), outfile);
const { status } = spawnSync(
  process.execPath,
  ["--disable-warning=ExperimentalWarning", outfile, ...process.argv.slice(2)],
  { stdio: "inherit", env: { ...process.env, NODE_OPTIONS: "" } },
);
rmSync(directory, { recursive: true });
process.exitCode = status ?? 1;
