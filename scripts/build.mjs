/**
 * Makes the modules of dist/ that are imported: one of all that the main entry needs, since one module loads in half the
 * time that fifty take, and beside it `tcp6/testing`. What both have in common is in a third, so that each class and each
 * variable of the library is there once. tsc adds the declarations.
 */
import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: ["src/index.ts", "src/testing/index.ts"],
  outdir: "dist",
  outbase: "src",
  chunkNames: "shared-[hash]",
  bundle: true,
  splitting: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20.19",
  sourcemap: true,
  // They are shipped.
  sourcesContent: false,
});
