import { DONE, run } from "./run.js";

test("a lack of descriptors is EMFILE for those who connect, and no listener dies of it", async () => {
  expect(await run("few-descriptors", { descriptors: 64 })).toEqual(DONE);
});
