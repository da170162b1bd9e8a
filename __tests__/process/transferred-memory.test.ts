import { DONE, run } from "./run.js";

describe("memory that was transferred", () => {
  test.each([
    "is refused when it is given",
    "is known before it is sent",
    "is known before the next piece of it is sent",
    "is refused as a delimiter",
    "takes nothing out of the queue",
    "gets nothing of what arrives",
  ])("%s, also by optimized code", async (name) => {
    expect(await run("transferred-memory", { args: [name] })).toEqual(DONE);
  });
});
