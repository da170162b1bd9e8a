import { DONE, run } from "./run.js";

test.each(["rr", "none"])(
  "workers of a cluster share a listener on several addresses, until the last closes it (%s)",
  async (policy) => {
    expect(await run("cluster", { args: [policy] })).toEqual(DONE);
  },
);
