import { DONE, run } from "./run.js";

test.each([
  ["rr", ""],
  ["none", ""],
  ["rr", "tls"],
  ["none", "tls"],
])(
  "workers of a cluster share a listener on several addresses, until the last closes it (%s %s)",
  async (...args) => {
    expect(await run("cluster", { args })).toEqual(DONE);
  },
);
