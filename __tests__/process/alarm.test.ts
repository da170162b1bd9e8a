import { DONE, run } from "../helpers/programs.js";

describe("reads time out all the same after", () => {
  test.each(["a setTimeout that does nothing, for a while", "a stream that throws when it is destroyed"])(
    "%s",
    async (name) => {
      expect(await run("alarm", { args: [name] })).toEqual(DONE);
    },
  );
});
