import { DONE, run } from "../helpers/programs.js";

describe("a process ends by itself after", () => {
  test.each([
    "everything closed",
    "everything reset",
    "everything closed, nothing awaited",
    "await using",
    "timeouts that never struck",
    "an accept that waits on a listener without a hold on the process",
    "connections without a hold on the process",
  ])("%s", async (name) => {
    expect(await run("ending", { args: [name] })).toEqual(DONE);
  });
});

describe("a process lives on with", () => {
  test.each(["an open listener", "an open listener that got its hold back", "open connections"])(
    "%s",
    async (name) => {
      expect(await run("ending", { args: [name] })).toEqual({ ...DONE, stdout: "done\nheld\n" });
    },
  );
});
