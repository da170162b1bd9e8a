/**
 * What a server bears: more connections than it wants, slow ones, hostile ones, handlers that fail. Each scene has a server
 * in a process of its own, with clients in others, and ends with status 1 if the server was not bounded, or did not serve again.
 *
 * How to read it: scenes/ has what is done, servers/ and clients/ the processes, report.ts what is printed.
 */
import { useWhatShips } from "../library.js";
import { disturbance, machine } from "../machine.js";
import { Report } from "./report.js";
import { scenes } from "./scenes/index.js";

// A reader of the output may close it early, as `head` does.
process.stdout.on("error", () => process.exit());

const names = process.argv.slice(2);
const unknown = names.find((name) => !scenes.some((scene) => scene.name === name));
if (unknown === undefined) process.exitCode = await run();
else process.exitCode = usage();

/** Resolves to the status to end with. */
async function run(): Promise<number> {
  useWhatShips();
  process.stdout.write(`Node.js ${process.versions.node}; ${machine()}\n${disturbance()}`);
  let faults = 0;
  for (const scene of scenes) {
    if (names.length > 0 && !names.includes(scene.name)) continue;
    process.stdout.write(`\n${scene.name}: ${scene.what}\n`);
    const report = new Report();
    await scene.run(report).catch((error: unknown) => report.check(String(error), false));
    faults += report.faults.length;
  }
  process.stdout.write(faults === 0 ? "\nThe server has borne it all.\n" : `\n${faults} faults.\n`);
  return faults === 0 ? 0 : 1;
}

function usage(): number {
  const lines = scenes.map(({ name, what }) => `  ${name.padEnd(20)}${what}\n`);
  process.stderr.write(`npm run bench:load [-- NAME ...]\n\n${lines.join("")}`);
  return 2;
}
