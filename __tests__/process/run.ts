import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAMS = join(dirname(fileURLToPath(import.meta.url)), "programs");

/** How a program ended, and what it said. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that did all it had to do and then ended by itself. */
export const DONE: Ended = { status: 0, signal: null, stdout: "done\n", stderr: "" };

interface RunOptions {
  readonly args?: readonly string[];
  /** Options of Node.js, and what is added to its environment. */
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Most descriptors that the program may have. */
  readonly descriptors?: number;
  /** What its descriptor 3 is. */
  readonly fd?: number | undefined;
}

/**
 * Runs `programs/<name>.ts` in a process of its own, in which an unhandled rejection is fatal, as an `'error'` event
 * without a listener always is. One that does not end within 15 s is ended.
 */
export async function run(
  name: string,
  { args = [], nodeOptions = [], env: added = {}, descriptors, fd }: RunOptions = {},
): Promise<Ended> {
  const node = [
    ...nodeOptions,
    "--unhandled-rejections=strict",
    "--import",
    "tsx",
    join(PROGRAMS, `${name}.ts`),
    ...args,
  ];
  const limit = descriptors === undefined ? ":" : `ulimit -n ${descriptors}`;
  const shell = ["-c", `${limit} && exec "$@"`, "sh", process.execPath, ...node];
  const stdio = ["ignore", "pipe", "pipe", ...(fd === undefined ? [] : [fd])] as const;
  const env = { ...process.env, NODE_OPTIONS: "", ...added };
  const child = spawn("/bin/sh", shell, { stdio: [...stdio], env, timeout: 15_000 });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream]?.setEncoding("utf8").on("data", (text: string) => (output[stream] += text));
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { status, signal, ...output };
}
