import { DONE, run } from "./run.js";

test("ending a connection oneself, at any moment, is no unhandled failure of a library that uses its Duplex", async () => {
  expect(await run("local-ends")).toEqual(DONE);
});
