import { run } from "./run.js";

describe("a connection that is forgotten when its peer has ended", () => {
  test("is reported with NODE_DEBUG=tcp6, with the place that made it, and no other is", async () => {
    const options = { nodeOptions: ["--expose-gc"], env: { NODE_DEBUG: "tcp6" } };
    const { status, stdout, stderr } = await run("forgotten", options);
    const told = [...stderr.matchAll(/127\.0\.0\.1:\d+ -> 127\.0\.0\.1:(\d+): the peer has ended/g)];
    expect(told).toHaveLength(3);
    for (const maker of ["acceptAndForget", "loopAndForget", "connectAndForget"]) {
      expect(stderr).toContain(`at ${maker} (`);
    }
    const [first, second] = JSON.parse(stdout) as number[];
    expect(told.map(([, port]) => Number(port))).toEqual(expect.arrayContaining([first, second]));
    expect(status).toBe(0);
  });

  test("is not reported otherwise", async () => {
    const { status, stderr } = await run("forgotten", { nodeOptions: ["--expose-gc"] });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
