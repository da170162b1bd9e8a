import { execFileSync } from "node:child_process";
import { endPrograms, Program } from "../support/program.js";
import { describeWherePossible } from "../support/where-possible.js";

/** A program that runs JavaScript. */
export interface Runtime {
  readonly name: string;
  readonly command: string;
}

export const NODE: Runtime = { name: "Node.js", command: process.execPath };
export const BUN: Runtime = { name: "Bun", command: "bun" };
export const DENO: Runtime = { name: "Deno", command: "deno" };

afterEach(endPrograms);

/** Asserts that a program says `done`, and nothing else, and ends by itself. */
export async function expectDone(runtime: Runtime, args: readonly string[]): Promise<void> {
  const environment = { NODE_OPTIONS: "", NODE_NO_WARNINGS: "1" };
  const { stdout, ...ended } = await new Program(runtime.command, args, environment).ended;
  expect({ ...ended, stdout: stdout.toString() }).toEqual({
    status: 0,
    signal: null,
    stdout: "done\n",
    stderr: "",
  });
}

/** Tests that need a runtime to be installed. */
export function describeOn({ command }: Runtime, name: string, tests: () => void): void {
  describeWherePossible(name, isInstalled(command) ? undefined : `${command} is not installed`, tests);
}

function isInstalled(command: string): boolean {
  try {
    execFileSync(command, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
