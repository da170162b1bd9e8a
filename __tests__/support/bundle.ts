import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const SOURCES = fileURLToPath(new URL("../../src/index.ts", import.meta.url));

const directory = mkdtempSync(join(tmpdir(), "tcp6-"));
const built = new Map<string, Promise<string>>();

afterAll(() => rmSync(directory, { recursive: true }));

/**
 * Resolves to the path of one JavaScript module with the program and all that it imports, made once per test file. Node.js
 * starts it several times faster than it starts TypeScript by way of tsx, and other runtimes run it as it is.
 */
export function bundle(program: URL): Promise<string> {
  let path = built.get(program.href);
  if (path === undefined) built.set(program.href, (path = make(program)));
  return path;
}

async function make(program: URL): Promise<string> {
  const outfile = join(directory, `${basename(program.pathname, ".ts")}.mjs`);
  await build({
    entryPoints: [fileURLToPath(program)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
    alias: { tcp6: SOURCES },
    sourcemap: "inline",
  });
  return outfile;
}
