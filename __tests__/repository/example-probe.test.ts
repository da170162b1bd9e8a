import { endPrograms, Program, type Outcome } from "../support/program.js";
import { loopback, closeAll, unusedPort } from "../support/peers.js";
import { describeInNetworks, inside, SILENCE, withFile } from "../network/network.js";
import { commandOf, example } from "./example.js";

const ENVIRONMENT = { NODE_OPTIONS: "" };

/** The command that runs the example. */
function command(...args: (string | number)[]): string[] {
  return commandOf("probe", ...args).flat();
}

function linesOf({ stdout }: Outcome): string[] {
  return stdout
    .toString()
    .split("\n")
    .map((line) => line.trimEnd());
}

/** Where a bar is drawn: from its first character to its last. */
function extent(line: string): [number, number] {
  const [, before = "", bar = ""] = /^(\S+ +)([=>x|-]+) /.exec(line) ?? [];
  return [before.length, before.length + bar.length];
}

afterEach(async () => {
  await endPrograms();
  await closeAll();
});

test("a literal address that is reached: the lookup that needed no time, and the address", async () => {
  const { port } = await loopback();
  const ended = await example("probe", "127.0.0.1", port).ended;
  expect(ended).toMatchObject({ status: 0, stderr: "" });
  const lines = linesOf(ended);
  expect(lines).toHaveLength(5);
  expect(lines[0]).toMatch(/^lookup {5}=*\| +\d+ to +\d+ ms: 1 found$/);
  expect(lines[1]).toMatch(/^127\.0\.0\.1 +=*> +\d+ to +\d+ ms: connected$/);
  expect(lines[3]).toBe(`connected to 127.0.0.1, port ${port}`);
});

test("a refused port: why, and status 1", async () => {
  const port = await unusedPort();
  const ended = await example("probe", "127.0.0.1", port).ended;
  expect(ended).toMatchObject({ status: 1, stderr: "" });
  const lines = linesOf(ended);
  expect(lines[1]).toMatch(/^127\.0\.0\.1 +=*x +\d+ to +\d+ ms: ECONNREFUSED$/);
  expect(lines[3]).toBe(`connect 127.0.0.1:${port}: connection refused (ECONNREFUSED)`);
});

test("no host: how it is used, and status 2", async () => {
  const { status, stderr } = await example("probe").ended;
  expect(stderr).toMatch(/^usage: npx tsx examples\/probe\.ts HOST PORT/);
  expect(status).toBe(2);
});

describeInNetworks("the probe in a network of its own", () => {
  const HOSTS = withFile("/etc/hosts", "2001:db8:9::2 athena.test\n127.0.0.1 athena.test\n");

  test("a silent address, then a refusing one: the bars are staggered, and end with their reasons", async () => {
    const ended = await new Program(
      ...inside([...SILENCE, ...HOSTS], command("athena.test", 4242, "--timeout", 900)),
      ENVIRONMENT,
    ).ended;
    expect(ended).toMatchObject({ status: 1, stderr: "" });
    const lines = linesOf(ended);
    expect(lines[1]).toMatch(/^2001:db8:9::2 +=+- +\d+ to +(?:9|1\d)\d\d ms: given up$/);
    expect(lines[2]).toMatch(/^127\.0\.0\.1 +=*x +[2-8]\d\d to +[2-8]\d\d ms: ECONNREFUSED$/);
    expect(lines[4]).toMatch(/^connect athena\.test:4242: timed out after 900 ms \(ETIMEDOUT\): .*; .*$/);
    const [silent, refused] = lines.slice(1, 3).map(extent) as [[number, number], [number, number]];
    expect(refused[0]).toBeGreaterThan(silent[0]);
    expect(refused[1]).toBeLessThan(silent[1]);
  });

  test.each([50, 80, 130])("in a window of %i columns, no line of the chart is wider", async (columns) => {
    const words = command("athena.test", 4242, "--timeout", 500).map((word) => `'${word}'`);
    const terminal = `stty cols ${columns}; exec ${words.join(" ")}`;
    const { stdout } = await new Program(
      ...inside([...SILENCE, ...HOSTS], ["script", "--quiet", "--command", terminal, "/dev/null"]),
      ENVIRONMENT,
    ).ended;
    const [chart = ""] = stdout.toString().replaceAll("\r", "").split("\n\n");
    const lines = chart.split("\n");
    const isNarrow = columns < 60;
    expect(lines).toHaveLength(isNarrow ? 6 : 3);
    const widths = lines.map((line) => line.length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(columns);
    // A chart that did not know the width would be as wide as any other.
    expect(Math.max(...widths)).toBeGreaterThan(columns - 15);
  });
});
