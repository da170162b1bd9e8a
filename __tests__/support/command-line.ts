import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.js";
import { Program } from "./program.js";
import { PYTHON } from "./machine.js";

const TERMINAL = fileURLToPath(new URL("../peers/python/terminal.py", import.meta.url));
const MAIN = new URL("../../src/cli/main.ts", import.meta.url);

/** What would change what the program shows; Node.js warns of both settings of colours, also where they are empty. */
const PLAIN = {
  NO_COLOR: undefined,
  FORCE_COLOR: undefined,
  LC_ALL: "C.UTF-8",
  TERM: "xterm",
  NODE_OPTIONS: "",
};

type Word = string | number;

/** Runs `tcp6` over the sources as they are now. */
export function tcp6(...args: Word[]): Program {
  return new Program(process.execPath, wordsOf(args), PLAIN);
}

/** Runs `tcp6` with variables of its environment. */
export function tcp6With(env: Readonly<Record<string, string>>, ...args: Word[]): Program {
  return new Program(process.execPath, wordsOf(args), { ...PLAIN, ...env });
}

/** Runs `tcp6` in a process that may have so many descriptors. */
export function tcp6WithDescriptors(descriptors: number, ...args: Word[]): Program {
  const limited = ["-c", `ulimit -n ${String(descriptors)} && exec "$@"`, "sh", process.execPath];
  return new Program("/bin/sh", [...limited, ...wordsOf(args)], PLAIN);
}

/** Runs `tcp6` in a terminal. */
export function tcp6InTerminal(
  columns: number,
  env: Readonly<Record<string, string | undefined>>,
  ...args: Word[]
): Program {
  const words = [TERMINAL, String(columns), process.execPath, ...wordsOf(args)];
  return new Program(PYTHON.command, words, { ...PLAIN, ...env });
}

/** A script of the shell that is `tcp6`. */
export function tcp6Script(): string {
  const quoted = [process.execPath, ...wordsOf([])].map((word) => `'${word}'`);
  return `#!/bin/sh\nexec ${quoted.join(" ")} "$@"\n`;
}

/** Where a `tcp6` that listens does so. */
export async function portOf(program: Program): Promise<number> {
  return Number((await program.says(/listening on .*:(\d+)/))[1]);
}

function wordsOf(args: readonly Word[]): string[] {
  return ["--unhandled-rejections=strict", bundle(MAIN), ...args.map(String)];
}
