import { bundle } from "../support/bundle.js";
import { DENO, describeOn, expectDone, NODE } from "./runtimes.js";

const PROGRAM = new URL("no-network.ts", import.meta.url);

describe("where a process may not use the network every call is refused with a NetError", () => {
  test("wherever Node may throw", async () => {
    await expectDone(NODE, [bundle(PROGRAM), "simulated"]);
  });

  // Earlier releases know no such permission.
  if (process.allowedNodeEnvironmentFlags.has("--allow-net")) {
    test("under node --permission", async () => {
      await expectDone(NODE, ["--permission", "--allow-fs-read=*", bundle(PROGRAM)]);
    });
  }
});

describeOn(DENO, "where Deno may not use the network every call is refused with a NetError", () => {
  test("without --allow-net", async () => {
    await expectDone(DENO, ["run", "--no-prompt", "--quiet", "--allow-env", bundle(PROGRAM)]);
  });
});
