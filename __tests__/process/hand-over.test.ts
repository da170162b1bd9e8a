import { DONE, run } from "./run.js";

test("clients that are detached at once go to another process whole, and their listeners close", async () => {
  expect(await run("hand-over")).toEqual(DONE);
});

test("clients that are not read go to another process whole, with their ends, at any time", async () => {
  expect(await run("hand-over-unread")).toEqual(DONE);
});
