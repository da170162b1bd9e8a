import { DONE, run } from "./run.js";

test("a lack of descriptors is EMFILE for connect, and does not end a listener", async () => {
  expect(await run("few-descriptors", { descriptors: 64 })).toEqual(DONE);
});
