import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { buildProgram } from "./build-program.js";

const directory = mkdtempSync(join(tmpdir(), "tcp6-"));
const built = new Map<string, string>();

afterAll(() => rmSync(directory, { recursive: true }));

/**
 * The path of one JavaScript module with the program and all that it imports, made once per test file. Node.js
 * starts it several times faster than it starts TypeScript by way of tsx, and other runtimes run it as it is.
 */
export function bundle(program: URL): string {
  const done = built.get(program.href);
  if (done !== undefined) return done;
  const outfile = join(directory, `${basename(program.pathname, ".ts")}.mjs`);
  buildProgram(program, outfile);
  built.set(program.href, outfile);
  return outfile;
}
