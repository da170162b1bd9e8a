import { DONE, run } from "../support/programs.js";

test("clients that are detached at once go to another process whole, and their listeners close", async () => {
  expect(await run("hand-over")).toEqual(DONE);
});
