import { DONE, run } from "./run.js";

test("the collector of young memory copies few connections that have closed, whatever is left of them in the old space", async () => {
  expect(await run("short-lives")).toEqual(DONE);
});
