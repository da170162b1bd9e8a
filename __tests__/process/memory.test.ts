import { DONE, run } from "./run.js";

describe("no more memory than their size is held by", () => {
  test.each(["lines of a loop", "small results of reads", "idle loops over lines"])("%s", async (name) => {
    expect(await run("memory", { args: [name] })).toEqual(DONE);
  });
});
