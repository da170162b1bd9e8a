import { Duplex } from "node:stream";
import { bundle } from "../support/bundle.js";
import { endPrograms, Program } from "../support/program.js";
import { kindOver } from "./kinds.js";
import { run } from "./run.js";
import { textOf, type Scenario } from "./scenario.js";

/** How many random scenarios are tried here, the same each time, so that a change is not blamed for an old fault; `npm run soak` tries others. */
const RUNS = 300;
const RUNS_OVER_NETWORK = 200;
const SEED = 1;

afterEach(endPrograms);

test("whatever is called at both ends, in whatever order: bytes arrive in order and once, all settles, nothing is left", async () => {
  await holds(RUNS);
}, 300_000);

test("the same over a simulated network, whatever happens to it meanwhile, and each call ends by its timeout", async () => {
  await holds(RUNS_OVER_NETWORK, "--kind", "simulated");
}, 300_000);

async function holds(runs: number, ...selection: readonly string[]): Promise<void> {
  // A process of its own, since a test runner keeps unhandled rejections and warnings to itself.
  const program = bundle(new URL("soak.ts", import.meta.url));
  const args = [
    "--enable-source-maps",
    program,
    "--runs",
    String(runs),
    "--seed",
    String(SEED),
    ...selection,
  ];
  const { status, stdout, stderr } = await new Program(process.execPath, args, { NODE_OPTIONS: "" }).ended;
  expect(stderr + stdout.toString()).toMatch(/^seeds \d+ to \d+: \d+ scenarios held\n$/);
  expect(stdout.toString()).toContain(`: ${String(runs)} scenarios held`);
  expect(status).toBe(0);
}

describe("a fault is found", () => {
  const write = { op: "write", data: "bytes", size: 100 } as const;
  const scenario: Scenario = {
    kind: "broken",
    settings: {},
    wide: false,
    terminator: "lf",
    buffers: "kept",
    steps: [
      { end: "a", call: write, pause: "turn" },
      { end: "a", call: { ...write, size: 7 }, pause: "settled" },
      { end: "b", call: { op: "readExactly", size: 20 }, pause: "none" },
    ],
    finish: "drain",
  };

  test("by the same scenario that holds over a stream without it", async () => {
    await run(
      scenario,
      broken((chunk) => [chunk]),
    );
  });

  test("of a stream that loses a byte", async () => {
    const kind = broken((chunk) => [chunk.subarray(0, 50), chunk.subarray(51)]);
    await expect(run(scenario, kind)).rejects.toThrow(/^from a to b, after 50 bytes: byte 30 of /m);
  });

  test("of a stream that gives a chunk twice", async () => {
    const kind = broken((chunk) => [chunk, chunk]);
    await expect(run(scenario, kind)).rejects.toThrow(/^from a to b, after 100 bytes: /m);
  });

  test("of a stream that ends too early", async () => {
    const kind = broken((chunk) => (chunk.length < 10 ? [] : [chunk]));
    await expect(run(scenario, kind)).rejects.toThrow(/step 2, a\.write\(.*\) is missing from byte 0$/m);
  });
});

test("a scenario is printed as a list of its steps", () => {
  const scenario: Scenario = {
    kind: "Unix sockets",
    settings: { readTimeout: Infinity, bufferSize: undefined },
    wide: true,
    terminator: "lf",
    buffers: "overwritten",
    steps: [
      { end: "a", call: { op: "read", timeout: 5, signal: undefined }, pause: "settled" },
      { end: "b", call: { op: "reset" }, pause: "none" },
    ],
    finish: "close",
  };
  expect(textOf(scenario).split("\n")).toEqual([
    "Unix sockets, { readTimeout: Infinity }; wide text; buffers are overwritten",
    "   1. a.read({ timeout: 5 })  then settled",
    "   2. b.reset()",
    "      close",
  ]);
});

/** Streams in memory that pass on what `change` makes of each chunk. */
function broken(change: (chunk: Buffer) => readonly Buffer[]) {
  return kindOver("broken", () => {
    const make = (other: () => Duplex): Duplex =>
      new Duplex({
        read: () => undefined,
        write: (chunk: Buffer, _encoding, done) => {
          for (const changed of change(chunk)) other().push(changed);
          setImmediate(done);
        },
        final: (done) => {
          other().push(null);
          done();
        },
      });
    const a: Duplex = make(() => b);
    const b: Duplex = make(() => a);
    return Promise.resolve([a, b]);
  });
}
