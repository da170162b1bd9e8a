import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const SOURCES = fileURLToPath(new URL("../../src/index.ts", import.meta.url));

/** Makes one JavaScript module of the program and all that it imports. */
export function buildProgram(program: URL, outfile: string): void {
  buildSync({
    entryPoints: [fileURLToPath(program)],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
    alias: { tcp6: SOURCES },
    // Packages in CommonJS ask for modules of Node's by it.
    banner: {
      js: 'import { createRequire as newRequire } from "node:module"; const require = newRequire(import.meta.url);',
    },
    sourcemap: "inline",
  });
}
