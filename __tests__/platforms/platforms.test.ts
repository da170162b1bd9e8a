import { bundle } from "../support/bundle.js";
import { publicCases } from "./public-cases.js";
import { BUN, DENO, describeOn, expectDone, NODE } from "./runtimes.js";
import { networkCases } from "./smoke-network.js";

/** One module with all it needs: every runtime runs it as it is. */
const PROGRAM = new URL("run-smoke.ts", import.meta.url);

for (const { runtime, options } of [
  { runtime: NODE, options: [] },
  { runtime: BUN, options: [] },
  { runtime: DENO, options: ["run", "--allow-all", "--quiet"] },
]) {
  describeOn(runtime, `in a process of ${runtime.name}, which ends by itself`, () => {
    test.each(Object.keys({ ...publicCases, ...networkCases }))("%s", async (name) => {
      await expectDone(runtime, [...options, bundle(PROGRAM), name]);
    });
  });
}
