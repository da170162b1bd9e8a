import { bundle } from "../support/bundle.js";
import { endPrograms, Program } from "../support/program.js";

const PROGRAMS = new URL("programs/", import.meta.url);

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
  /** Descriptors of this process, which are those from 3 on of the program. */
  readonly passed?: readonly number[];
}

// One that does not end by itself.
afterEach(endPrograms);

/**
 * Runs `programs/<name>.ts` in a process of its own, in which an unhandled rejection is fatal, as an `'error'` event
 * without a listener always is.
 */
export async function run(
  name: string,
  { args = [], nodeOptions = [], env = {}, descriptors, passed = [] }: RunOptions = {},
): Promise<Ended> {
  const program = bundle(new URL(`${name}.ts`, PROGRAMS));
  const node = [...nodeOptions, "--unhandled-rejections=strict", "--enable-source-maps", program, ...args];
  const limit = descriptors === undefined ? ":" : `ulimit -n ${descriptors}`;
  const shell = ["-c", `${limit} && exec "$@"`, "sh", process.execPath, ...node];
  const environment = { NODE_OPTIONS: "", ...env };
  const { stdout, ...ended } = await new Program("/bin/sh", shell, environment, passed).ended;
  return { ...ended, stdout: stdout.toString() };
}
