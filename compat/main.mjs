/**
 * Packs the library, installs it, and looks at it the way that others do: those who check packages, TypeScript's releases,
 * bundlers and test runners. Each check has a line; if one fails, the process ends with status 1.
 *
 * `npm run compat` runs all, `npm run compat -- WORD …` those whose names have one of the words. `--built` takes dist/ as it
 * is. It needs `npm --prefix compat ci` once.
 */
import { parseArgs } from "node:util";
import { checkedByLinters } from "./linters.mjs";
import { compiled } from "./types.mjs";
import { bundled } from "./bundlers.mjs";
import { tested } from "./runners.mjs";
import { pack, removeProjects } from "./project.mjs";

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { built: { type: "boolean", default: false } },
});
const tarball = pack(values);
const checks = [
  ...checkedByLinters(tarball),
  ...bundled(tarball),
  ...tested(tarball),
  ...compiled(tarball),
].filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
if (checks.length === 0) throw new Error(`no check is named like ${words.join(" or ")}`);

let failed = 0;
/** Two at a time: each is a process, or waits for one, most of its time. */
const rest = checks.values();
await Promise.all(
  [1, 2].map(async () => {
    for (const { name, run } of rest) {
      const problem = await run().then(
        () => undefined,
        (error) => String(error?.message ?? error),
      );
      if (problem === undefined) console.log(`ok      ${name}`);
      else {
        failed++;
        console.log(`FAILED  ${name}\n${problem.replaceAll(/^/gm, "        ")}`);
      }
    }
  }),
);
removeProjects();
console.log(`${checks.length - failed} of ${checks.length} as they should be`);
process.exitCode = failed === 0 ? 0 : 1;
