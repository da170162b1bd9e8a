import { bundle } from "../support/bundle.js";
import { endPrograms, Program } from "../support/program.js";

afterEach(endPrograms);

/** What the stress says at its end; it has a process of its own, which may crash. */
async function lived(...args: string[]): Promise<{ text: string; status: number | null }> {
  const program = bundle(new URL("stress.ts", import.meta.url));
  const { status, stdout, stderr } = await new Program(
    process.execPath,
    ["--enable-source-maps", program, ...args],
    { NODE_OPTIONS: "" },
  ).ended;
  return { text: stdout.toString() + stderr, status };
}

// The same lives each time; `npm run stress` lives 10 000 others.
test("whenever and however an end of a TLS connection dies: the other is told no lie, all settles, nothing is left", async () => {
  const { text, status } = await lived("--lives", "300", "--seed", "1");
  expect(text).toMatch(/: 300 lives in [0-9.]+ s, all well$/m);
  expect(status).toBe(0);
}, 300_000);

test("TLS in TLS that is reset while records of TLS itself are on their way closes", async () => {
  // One life in twenty has come to the moment.
  const { text, status } = await lived("--seed", "3256", "--times", "50");
  expect(text).toMatch(/: 50 lives in [0-9.]+ s, all well$/m);
  expect(status).toBe(0);
}, 300_000);
