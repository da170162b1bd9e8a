import { tcp6, tcp6InTerminal, portOf } from "../support/command-line.js";
import { describeWith, PYTHON } from "../support/machine.js";
import { endPrograms, type Outcome } from "../support/program.js";
import { unusedPort } from "../support/unused-port.js";

const COLUMNS = [50, 80, 130];

afterEach(endPrograms);

function screenOf({ stdout }: Outcome): string {
  return stdout.toString().replaceAll("\r\n", "\n");
}

function withoutColors(screen: string): string {
  return screen.replace(/\x1b\[\d+m/g, "");
}

describeWith(PYTHON, "in a terminal", () => {
  test.each(COLUMNS)("of %i columns, the picture is as wide as that, and in colour", async (columns) => {
    const server = tcp6("listen", "127.0.0.1:0", "--echo");
    const ended = await tcp6InTerminal(columns, {}, "probe", "127.0.0.1", await portOf(server)).ended;
    expect(ended.status).toBe(0);
    const screen = screenOf(ended);
    expect(screen).toMatch(/\x1b\[32m━*┫\x1b\[0m/);
    const lines = withoutColors(screen).split("\n");
    const widths = lines.map((line) => line.length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(columns);
    expect(Math.max(...widths)).toBeGreaterThan(columns - 5);
    expect(lines.at(-3)).toMatch(/^answered {2}127\.0\.0\.1:\d+, after [\d.]+ ms$/);
  });

  test.each(COLUMNS)(
    "of %i columns, with NO_COLOR, there is no colour, also where it failed",
    async (columns) => {
      const env = { NO_COLOR: "1" };
      const ended = await tcp6InTerminal(columns, env, "probe", "127.0.0.1", await unusedPort()).ended;
      expect(ended.status).toBe(1);
      const screen = screenOf(ended);
      expect(screen).not.toContain("\x1b");
      expect(screen).toMatch(/^127\.0\.0\.1 .*ECONNREFUSED/m);
    },
  );

  test.each(COLUMNS)("of %i columns, no line of any help is wider", async (columns) => {
    for (const name of ["probe", "relay"]) {
      const help = screenOf(await tcp6InTerminal(columns, {}, name, "--help").ended);
      expect(help).toContain("--help");
      for (const line of help.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
    }
  });

  test("that knows no UTF-8, bars are ASCII", async () => {
    const server = tcp6("listen", "127.0.0.1:0", "--echo");
    const env = { LC_ALL: "C" };
    const ended = await tcp6InTerminal(80, env, "probe", "127.0.0.1", await portOf(server)).ended;
    expect(withoutColors(screenOf(ended))).toMatch(/^127\.0\.0\.1 +=*\| /m);
  });

  test("where stderr is no terminal there is no colour", async () => {
    const port = await unusedPort();
    const { stderr } = await tcp6("connect", "127.0.0.1", port).ended;
    expect(stderr).not.toContain("\x1b");
  });

  test("--line is a prompt: lines are sent, what the peer sends is shown and does nothing", async () => {
    const command = "read line; printf 'you said %s\\033[31m\\r\\n' \"$line\"; read line; echo bye";
    const server = tcp6("listen", "127.0.0.1:0", "--exec", command);
    const client = tcp6InTerminal(
      80,
      { NO_COLOR: "1" },
      "connect",
      "127.0.0.1",
      await portOf(server),
      "--line",
    );
    await client.says(/> /);
    client.type("hello\r");
    await client.says(/you said hello\\u000d\\u001b\[31m/);
    client.type("thanks\r");
    const ended = await client.ended;
    expect(screenOf(ended)).toContain("bye");
    expect(ended.status).toBe(0);
  });

  test("Ctrl-C in the prompt ends the program by its signal", async () => {
    const server = tcp6("listen", "127.0.0.1:0", "--echo");
    const client = tcp6InTerminal(80, {}, "connect", "127.0.0.1", await portOf(server), "--line");
    await client.says(/> /);
    client.type("\x03");
    expect((await client.ended).status).toBe(130);
  });
});
