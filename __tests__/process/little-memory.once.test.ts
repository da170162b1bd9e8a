import { spawnSync } from "node:child_process";
import { describeWherePossible } from "../support/where-possible.js";
import { DONE, run } from "./run.js";

const isHere = process.platform === "linux" && spawnSync("prlimit", ["--version"]).status === 0;

describeWherePossible("a process that has run out of memory", isHere ? undefined : "no prlimit(1)", () => {
  test("a read for which there is none fails, and loses nothing: what came can be read in parts, or later", async () => {
    expect(await run("little-memory")).toEqual(DONE);
  });
});
