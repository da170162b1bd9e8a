import { bundle } from "../support/bundle.js";
import { endPrograms, Program } from "../support/program.js";
import { describeInNetworks, inside } from "./network.js";
import { SCENES } from "./scenes.js";

const PLAY = new URL("play.ts", import.meta.url);
const NODE = [process.execPath, "--unhandled-rejections=strict", "--enable-source-maps"];

afterEach(endPrograms);

test("no two scenes have the same name", () => {
  const names = new Set(SCENES.map(({ name }) => name));
  expect(names.size).toBe(SCENES.length);
});

describeInNetworks("in a network of its own", () => {
  test.each(SCENES)("$name", async ({ name, network }) => {
    const command = [...NODE, bundle(PLAY), name];
    const { status, stdout, stderr } = await new Program(...inside(network, command), { NODE_OPTIONS: "" })
      .ended;
    expect({ status, stderr, stdout: stdout.toString() }).toEqual({
      status: 0,
      stderr: "",
      stdout: "played\n",
    });
  });
});
