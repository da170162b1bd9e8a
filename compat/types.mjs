/** A program of a user, compiled by each release of TypeScript that is supported. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HERE, output, project } from "./project.mjs";

/**
 * Each release with each kind of resolution that it has, and each @types/node that works with it; not every combination.
 * `@types/node` of Node.js 26 needs TypeScript 5.6; TypeScript 7 has no `node10`.
 */
const COMBINATIONS = [
  ["5.2", 20, "node10", ""],
  ["5.2", 24, "nodenext", "DOM"],
  ["5.4", 22, "bundler", "DOM"],
  ["5.6", 26, "node16", ""],
  ["5.9", 20, "nodenext", ""],
  ["6.0", 22, "node10", "DOM"],
  ["6.0", 26, "bundler", ""],
  ["7.0", 20, "node16", "DOM"],
  ["7.0", 20, "bundler", ""],
  ["7.0", 22, "nodenext", "DOM"],
  ["7.0", 22, "bundler", ""],
  ["7.0", 24, "nodenext", ""],
  ["7.0", 24, "bundler", "DOM"],
  ["7.0", 26, "nodenext", ""],
  ["7.0", 26, "bundler", "DOM"],
  ["7.0", 26, "node16", ""],
];
const MODULES = { node10: "commonjs", node16: "node16", nodenext: "nodenext", bundler: "esnext" };

export function compiled(tarball) {
  const projects = new Map();
  const uses = readFileSync(join(HERE, "uses.ts"), "utf8");
  return COMBINATIONS.map(([release, node, resolution, dom], at) => ({
    name: `types: TypeScript ${release}, @types/node ${node}, ${resolution}, with${dom === "" ? "out" : ""} DOM`,
    run: async () => {
      // Modules of both kinds, where the kind is the file's.
      const files = MODULES[resolution] === resolution ? ["uses.mts", "uses.cts"] : ["uses.ts"];
      if (!projects.has(node)) {
        const texts = { "package.json": "{}", "uses.ts": uses, "uses.mts": uses, "uses.cts": uses };
        projects.set(node, project(tarball, texts, { "@types/node": `types-node-${node}` }));
      }
      const directory = projects.get(node);
      const compilerOptions = {
        target: "es2022",
        lib: ["es2022", ...(dom === "" ? [] : ["dom", "dom.iterable"])],
        module: MODULES[resolution],
        moduleResolution: resolution,
        ...(release === "6.0" && { ignoreDeprecations: "6.0" }),
        // All declarations are checked, but for those of JavaScript and of the DOM themselves.
        ...{
          types: [],
          skipLibCheck: false,
          skipDefaultLibCheck: true,
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
        },
      };
      writeFileSync(join(directory, `${at}.json`), JSON.stringify({ compilerOptions, files }));
      const tsc = join(HERE, `node_modules/typescript-${release}/bin/tsc`);
      await output(process.execPath, [tsc, "-p", `${at}.json`], directory);
    },
  }));
}
