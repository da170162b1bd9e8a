import { DONE, run } from "./run.js";

test("threads that listen by themselves on one port need reusePort, and share the clients then", async () => {
  expect(await run("reuse-port")).toEqual(DONE);
});
