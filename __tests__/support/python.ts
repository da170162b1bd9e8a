import { fileURLToPath } from "node:url";
import { PYTHON } from "./machine.js";
import { Program } from "./program.js";

/** A program of `__tests__/peers/python`, with its arguments. */
export function python(name: string, ...args: string[]): Program {
  const path = fileURLToPath(new URL(`../peers/python/${name}.py`, import.meta.url));
  return new Program(PYTHON.command, [path, ...args]);
}
