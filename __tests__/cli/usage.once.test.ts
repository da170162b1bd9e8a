import { readFileSync } from "node:fs";
import { Arguments, UsageError } from "../../src/cli/arguments.js";
import { COMMANDS } from "../../src/cli/program.js";
import { tcp6 } from "../support/command-line.js";
import { endPrograms } from "../support/program.js";

afterEach(endPrograms);

const PAGE = readFileSync(new URL("../../docs/command-line.md", import.meta.url), "utf8");

/** What a command of the program does with these words, in this process. */
async function told([name, ...args]: readonly string[]): Promise<unknown> {
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) throw new Error(`no command ${String(name)}`);
  return await command.run(Arguments.parse(command, args));
}

test.each([
  [["connect", "--foo"], "connect has no option --foo"],
  [["connect", "--toString"], "connect has no option --toString"],
  [["connect"], "connect needs more arguments"],
  [["relay", "0", "a:1", "b"], 'relay has no use for "b"'],
  [["connect", "--json=1"], "--json takes no value"],
  [["connect", "a:1", "--timeout"], "--timeout needs TIME"],
  [["connect", "a:1", "--timeout="], "--timeout needs TIME"],
  [
    ["connect", "a:1", "--timeout", "soon"],
    '--timeout needs a time such as 500, 500ms, 2s, 1m or none, not "soon"',
  ],
  [
    ["listen", "0", "--max-connections", "0"],
    '--max-connections needs a whole number of at least 1, not "0"',
  ],
  [["listen", "0", "--tls", "cert"], "--tls needs CERT KEY"],
  [["listen", "0", "--tls", "/no", "/no"], "cannot read /no: ENOENT"],
  [["listen", "0", "--echo", "--exec", "cat"], "--echo and --exec exclude each other"],
  [["listen", "0", "--echo", "--line"], "--line is for a single client, without --echo and --exec"],
  [["connect", "a:1", "-46"], "-4 and -6 leave no address"],
  [["connect", "a:1", "--insecure"], "--insecure is for TLS: add --tls"],
  [["connect", "a:1", "--tls", "--cert", "x"], "--cert and --key go together"],
  [["relay", "0", "a:1", "--alpn", "h2"], "--alpn is for TLS: add --target-tls"],
  [["relay", "0", "a:1", "--proxy-header", "v3"], '--proxy-header needs v1 or v2, not "v3"'],
])("%j: what is wrong, in a sentence", async (args, sentence) => {
  await expect(told(args)).rejects.toThrow(new UsageError(sentence));
});

test.each([
  ["connect", "foo"],
  ["relay", "0", "foo"],
  ["listen", "::1:80"],
])(
  "%s %s %s: what is no endpoint is refused in the words of the library, before anything is done",
  async (...args) => {
    await expect(told(args)).rejects.toThrow(/^"endpoint" must be "host:port"/);
  },
);

test.each(["[::1]:0", "nosuch://127.0.0.1", "127.0.0.1:no-such-service"])(
  "relay to %s: where no client can be led to is refused before it listens",
  async (target) => {
    await expect(told(["relay", "127.0.0.1:0", target])).rejects.toThrow(/^"port" must be|^resolve /);
  },
);

test.each([
  [[], "tcp6: needs a command: tcp6 --help\n"],
  [["foo"], 'tcp6: there is no command "foo": tcp6 --help\n'],
  [["connect", "--foo"], "tcp6: connect has no option --foo; tcp6 connect --help\n"],
  [
    ["connect", "a:70000"],
    'tcp6: "port" must be a whole number from 1 to 65535; received 70000; tcp6 connect --help\n',
  ],
  ...[
    ["listen", "127.0.0.1:0", "--echo"],
    ["listen", "127.0.0.1:0"],
    ["relay", "127.0.0.1:0", "127.0.0.1:9"],
  ].map((args): [string[], string] => [
    [...args, "--grace", "soon"],
    `tcp6: --grace needs a time such as 500, 500ms, 2s, 1m or none, not "soon"; tcp6 ${args[0] ?? ""} --help\n`,
  ]),
])("%j is one sentence on stderr, and status 2", async (args, sentence) => {
  const { status, stdout, stderr } = await tcp6(...args).ended;
  expect({ status, stdout: stdout.toString(), stderr }).toEqual({ status: 2, stdout: "", stderr: sentence });
});

test("the page has every command and every option, and no others", () => {
  const options = COMMANDS.flatMap(({ options }) => Object.keys(options).map((name) => `--${name}`));
  const named = new Set(PAGE.match(/--[a-z][a-z0-9-]*/g));
  expect([...named].sort()).toEqual([...new Set([...options, "--version"])].sort());
  for (const { name } of COMMANDS) expect(PAGE).toContain(`\n## ${name}\n`);
});

test("the help names all commands, and that of a command all of its options", async () => {
  const { status, stdout, stderr } = await tcp6("--help").ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  for (const name of ["probe", "connect", "listen", "relay"]) {
    expect(stdout.toString()).toMatch(new RegExp(`^${name} `, "m"));
    const help = (await tcp6(name, "--help").ended).stdout.toString();
    expect(help).toMatch(new RegExp(`^tcp6 ${name} `));
    expect(help).toMatch(/^-h, --help +show this, and do nothing$/m);
  }
});

test("the version is that of the package", async () => {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  expect((await tcp6("--version").ended).stdout.toString()).toBe(`${version}\n`);
});
