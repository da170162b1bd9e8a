import { Program } from "./program.js";
import { CURL } from "./machine.js";

/** curl, as on a machine that has no settings for it. */
export function curl(...args: string[]): Program {
  return new Program(CURL.command, ["-q", "-sS", "--noproxy", "*", ...args]);
}
