import { DONE, run } from "./run.js";

test.each(["threads", "processes"])(
  "%s that listen by themselves on one port need reusePort, and share the clients then",
  async (kind) => {
    expect(await run("reuse-port", { args: [kind] })).toEqual(DONE);
  },
);
