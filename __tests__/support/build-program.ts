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

/**
 * The environment of a process that moves much memory: that from the C library comes in pages of 2 MiB, where Linux lets it
 * (glibc manual, "Memory Allocation Tunables"). The contract needs a quarter less processor time.
 */
export const IN_LARGE_PAGES = { NODE_OPTIONS: "", GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" } as const;
