/**
 * Runs the contract with no test runner: prints what fails and how many cases held, and ends by itself, with
 * status 0 if all did. It is meant
 * to be run with `--unhandled-rejections=strict`.
 */
import { pairKinds } from "../support/pairs.js";
import { connectionContract } from "./contract.js";

process.on("warning", (warning) => {
  if (warning.name === "ExperimentalWarning") return;
  console.error(warning.stack);
  process.exitCode = 1;
});

let held = 0;
for (const { name, run } of connectionContract) {
  for (const { name: kind, makePair, enter, leave } of pairKinds) {
    enter?.();
    try {
      await run(makePair);
      held++;
    } catch (error) {
      console.error(`${kind}: ${name}:`, error);
      process.exitCode = 1;
    }
    leave?.();
  }
}
console.log(held);
