import { bundle } from "../support/bundle.js";
import { endPrograms, Program } from "../support/program.js";
import { describeInNetworks, inside } from "./network.js";
import type { Scene } from "./scene.js";

const PLAY = new URL("play.ts", import.meta.url);
const NODE = [process.execPath, "--unhandled-rejections=strict", "--enable-source-maps"];

/** Tests that play scenes, each in a process and a network of its own. */
export function playEach(scenes: readonly Scene[]): void {
  afterEach(endPrograms);
  describeInNetworks("in a network of its own", () => {
    test.each(scenes)("$name", async ({ name, network }) => {
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
}
