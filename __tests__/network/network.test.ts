import { fileURLToPath } from "node:url";
import { endPrograms, Program } from "../support/program.js";
import { describeInNetworks, inside } from "./network.js";
import { SCENES } from "./scenes.js";

const PLAY = fileURLToPath(new URL("./play.ts", import.meta.url));
const NODE = [process.execPath, "--unhandled-rejections=strict", "--import", "tsx", PLAY];

afterEach(endPrograms);

test("no two scenes have the same name", () => {
  const names = new Set(SCENES.map(({ name }) => name));
  expect(names.size).toBe(SCENES.length);
});

describeInNetworks("in a network of its own", () => {
  test.each(SCENES)("$name", async ({ name, network }) => {
    const program = new Program(...inside(network, [...NODE, name]), { NODE_OPTIONS: "" });
    const { status, stdout, stderr } = await program.ended;
    expect({ status, stderr, stdout: stdout.toString() }).toEqual({
      status: 0,
      stderr: "",
      stdout: "played\n",
    });
  });
});
