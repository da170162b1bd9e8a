import { bundle } from "../support/bundle.js";
import { endPrograms, Program } from "../support/program.js";

/** How many lives are lived here, the same each time; `npm run stress` lives 10 000 others. */
const LIVES = 300;
const SEED = 1;

afterEach(endPrograms);

test("whenever and however an end of a TLS connection dies: the other is told no lie, all settles, nothing is left", async () => {
  // A process of its own, which may crash.
  const program = bundle(new URL("stress.ts", import.meta.url));
  const args = ["--enable-source-maps", program, "--lives", String(LIVES), "--seed", String(SEED)];
  const { status, stdout, stderr } = await new Program(process.execPath, args, { NODE_OPTIONS: "" }).ended;
  expect(stdout.toString() + stderr).toMatch(/: 300 lives in [0-9.]+ s, all well$/m);
  expect(status).toBe(0);
}, 300_000);
