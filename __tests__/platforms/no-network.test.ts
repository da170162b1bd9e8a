import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describeWherePossible } from "../support/where-possible.js";

const directory = mkdtempSync(join(tmpdir(), "tcp6-"));
const program = join(directory, "no-network.mjs");

beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL("no-network.ts", import.meta.url))],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
  });
});

afterAll(() => rmSync(directory, { recursive: true }));

async function expectDone(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_OPTIONS: "", NODE_NO_WARNINGS: "1" },
    timeout: 15_000,
  });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].setEncoding("utf8").on("data", (text: string) => (said[stream] += text));
  const [status] = (await once(child, "close")) as [number | null];
  expect({ status, ...said }).toEqual({ status: 0, stdout: "done\n", stderr: "" });
}

function isInstalled(command: string): boolean {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("where a process may not use the network every call is refused with a NetError", () => {
  test("wherever Node may throw", async () => {
    await expectDone(process.execPath, [program, "simulated"]);
  });

  // Earlier releases know no such permission.
  if (process.allowedNodeEnvironmentFlags.has("--allow-net")) {
    test("under node --permission", async () => {
      await expectDone(process.execPath, ["--permission", "--allow-fs-read=*", program]);
    });
  }
});

describeWherePossible(
  "where Deno may not use the network every call is refused with a NetError",
  isInstalled("deno") ? undefined : "deno is not installed",
  () => {
    test("without --allow-net", async () => {
      await expectDone("deno", ["run", "--no-prompt", "--quiet", "--allow-env", program]);
    });
  },
);
