/**
 * Runs the contract with one capability of `node-internals.ts` after the other switched off, in several processes beside
 * each other, since they wait more than they work. Prints what fails; the status is 1 then.
 *
 *     npm run test:internals                               all of them
 *     npm run test:internals -- writesDirectly …           some of them
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { kindsWithout } from "../support/pairs.js";

const AT_ONCE = 4;
const TIMEOUT_PER_KIND_MS = 240_000;

/** How many kinds one process runs: the later ones find code that is compiled, and need less time. */
const KINDS_AT_MOST = 5;

const program = fileURLToPath(new URL("run.ts", import.meta.url));
const asked = process.argv.slice(2);
const kinds = kindsWithout
  .map(({ name }) => name)
  .filter((name) => asked.length === 0 || asked.some((one) => name.endsWith(one)));
const size = Math.min(KINDS_AT_MOST, Math.ceil(kinds.length / AT_ONCE));
const groups = Array.from({ length: Math.ceil(kinds.length / Math.max(size, 1)) }, (_, at) =>
  kinds.slice(at * size, (at + 1) * size),
).values();

await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (const group of groups) {
      const args = ["--unhandled-rejections=strict", "--import", "tsx", program, ...group];
      const child = spawn(process.execPath, args, {
        stdio: ["ignore", "pipe", "inherit"],
        timeout: group.length * TIMEOUT_PER_KIND_MS,
      });
      let output = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
      const [code] = (await once(child, "close")) as [number | null];
      console.log(`${group.join(", ")}: ${output.trim() || "did not end"}`);
      if (code !== 0) process.exitCode = 1;
    }
  }),
);
