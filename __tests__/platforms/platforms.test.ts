import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describeWherePossible } from "../support/where-possible.js";
import { cases } from "./smoke.js";

const RUNTIMES = [
  { runtime: "Node.js", command: process.execPath, options: [] },
  { runtime: "Bun", command: "bun", options: [] },
  { runtime: "Deno", command: "deno", options: ["run", "--allow-all", "--quiet"] },
];

const directory = mkdtempSync(join(tmpdir(), "tcp6-"));
const program = join(directory, "smoke.mjs");

/** One module with all it needs, as the build makes them: every runtime runs it as it is. */
beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL("run-smoke.ts", import.meta.url))],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
  });
});

afterAll(() => rmSync(directory, { recursive: true }));

/** Why a program cannot be run here, if it cannot. */
function missing(command: string): string | undefined {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return `${command} is not installed`;
  }
}

for (const { runtime, command, options } of RUNTIMES) {
  describeWherePossible(`in a process of ${runtime}, which ends by itself`, missing(command), () => {
    test.each(Object.keys(cases))("%s", async (name) => {
      const child = spawn(command, [...options, program, name], {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, NODE_OPTIONS: "" },
        timeout: 15_000,
      });
      const said = { stdout: "", stderr: "" };
      for (const stream of ["stdout", "stderr"] as const)
        child[stream].setEncoding("utf8").on("data", (text: string) => (said[stream] += text));
      const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
      expect({ status, signal, ...said }).toEqual({ status: 0, signal: null, stdout: "done\n", stderr: "" });
    });
  });
}
