import { bundle } from "../support/bundle.js";
import { endPrograms, Program } from "../support/program.js";
import { NOISE_BYTES, slope } from "./growth.js";

afterEach(endPrograms);

const PLANTED = [
  "nothing",
  "a listener per read",
  "a connection that stays in a set",
  "a timer that is not cleared",
  "a descriptor",
  "a text",
];

/** The lines that the program prints: what it says of each scenario, by its name. */
async function said(
  ...args: string[]
): Promise<{ lines: Map<string, string>; status: number | null; stderr: string }> {
  const program = bundle(new URL("leaks.ts", import.meta.url));
  const { status, stdout, stderr } = await new Program(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", program, ...args],
    { NODE_OPTIONS: "" },
  ).ended;
  const lines = stdout.toString().split("\n").filter(Boolean);
  return {
    lines: new Map(lines.map((line) => /^(.*?): (.*)$/.exec(line)?.slice(1) as [string, string])),
    status,
    stderr,
  };
}

// `npm run leaks` does some thousand times as much.
test("some connections, calls, connects, listeners and handshakes leave nothing behind", async () => {
  const { lines, status, stderr } = await said("--mixed", "--slices", "3");
  expect(stderr).toBe("");
  expect(lines.get("mixture")).toMatch(/^1 \d+ operations of all kinds in .*, nothing is left$/);
  expect(status).toBe(0);
}, 60_000);

test("what is left behind on purpose is named", async () => {
  const { lines, status } = await said("--planted", "--slices", "2", ...PLANTED);
  const leftOf = (name: string) => (lines.get(name) ?? "").replace(/^.*time, (left: )?/, "").split(", ");
  expect(leftOf("nothing")).toEqual(["nothing is left"]);
  expect(leftOf("a listener per read")).toContain("1000 listeners of a signal");
  expect(leftOf("a connection that stays in a set")).toContain(
    "1 instances of Connection for each operation",
  );
  expect(leftOf("a timer that is not cleared")).toContain("1000 active resources Timeout");
  expect(leftOf("a descriptor")).toContain("1000 descriptors of files");
  expect(leftOf("a text")).toEqual([expect.stringMatching(/^\d+ bytes of heap$/)]);
  expect(status).toBe(1);
}, 60_000);

test("a slope is that of most points, whatever some of them are", () => {
  const flat = Array.from({ length: 11 }, (_, index): [number, number] => [index, 5]);
  expect(slope(flat)).toBe(0);
  expect(slope(flat.with(5, [5, NOISE_BYTES]))).toBe(0);
  expect(slope(flat.map(([x, y]) => [x, y + 3 * x]))).toBe(3);
});
