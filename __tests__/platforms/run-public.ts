// Runs all cases that need no more than what the package exports, and prints the name of each that has passed.
import { publicCases } from "./public-cases.js";

for (const [name, run] of Object.entries(publicCases)) {
  await run();
  console.log(name);
}
