/** The commands that docs/command-line.md shows do what it says, at servers of this machine in place of those it names. */
import { readFileSync } from "node:fs";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { certificateFiles, type CertificateFiles } from "../support/certificate-files.js";
import { portOf, tcp6, tcp6Script } from "../support/command-line.js";
import { endPrograms, Program } from "../support/program.js";

const PAGE = readFileSync(new URL("../../docs/command-line.md", import.meta.url), "utf8");
const COMMANDS = [...PAGE.matchAll(/^ {4}\$ (.*tcp6 (probe|connect|listen|relay) .*)$/gm)].map(
  ([, command = "", name = ""]) => ({ command, name }),
);

let files: CertificateFiles;
let directory: string;
let places: readonly (readonly [named: RegExp, own: string])[];

beforeAll(async () => {
  files = await certificateFiles();
});

afterAll(() => files[Symbol.asyncDispose]());

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tcp6-page-"));
  await writeFile(join(directory, "tcp6"), tcp6Script(), { mode: 0o755 });
  await writeFile(join(directory, "disk.img"), "an image\n");
  await copyFile(files.cert, join(directory, "cert.pem"));
  await copyFile(files.key, join(directory, "key.pem"));
  const plain = await portOf(tcp6("listen", "localhost:0", "--echo"));
  const secure = await portOf(tcp6("listen", "localhost:0", "--echo", "--tls", files.cert, files.key));
  places = [
    [/athena\.example 4242/, `localhost ${secure}`],
    [/(mail|redis)\.example\.org:\d+/, `localhost:${secure}`],
    [/(app|backup)\.internal:\d+|example\.org:80|\/run\/app\.sock/, `localhost:${plain}`],
    [/(listen|relay) \d+ /, "$1 0 "],
    [/(listen|relay) 127\.0\.0\.1:\d+ /, "$1 127.0.0.1:0 "],
  ];
});

afterEach(async () => {
  await endPrograms();
  await rm(directory, { recursive: true });
});

/** Runs a command of the page by the shell, where `tcp6` is this program and the files that it names are. */
function shell(command: string): Program {
  const own = places.reduce((text, [named, place]) => text.replace(named, place), command);
  return new Program("/bin/sh", ["-c", `cd "$0" && ${own}`, directory], {
    ...{ NO_COLOR: undefined, FORCE_COLOR: undefined, LC_ALL: "C.UTF-8", NODE_OPTIONS: "" },
    NODE_EXTRA_CA_CERTS: files.authority,
    PATH: [directory, process.env["PATH"]].join(delimiter),
  });
}

/** Of what the program says of who answered: the names. */
function factsIn(shown: string): string[] {
  return [...shown.matchAll(/^ *([A-Za-z]+(?: [a-z]+)?) {2,}[^━┫=|\n]*$/gm)].map(([, name = ""]) => name);
}

test("the page shows each of the commands at work", () => {
  expect(new Set(COMMANDS.map(({ name }) => name))).toEqual(new Set(["probe", "connect", "listen", "relay"]));
});

test.each(COMMANDS.filter(({ name }) => name === "probe"))("$command", async ({ command }) => {
  const { status, stdout, stderr } = await shell(command).ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const [, shown = ""] = PAGE.split(`    $ ${command}\n`);
  const [example = ""] = shown.split(/\n(?=\S)/);
  expect(factsIn(stdout.toString())).toEqual(factsIn(example));
});

test.each(COMMANDS.filter(({ name }) => name === "connect"))("$command", async ({ command }) => {
  const program = shell(command);
  program.feed("typed\n");
  const { status, stdout, stderr } = await program.ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  // The server is an echo.
  const [, printed] = /^printf '(.*?)'/.exec(command) ?? [];
  const input = printed?.replaceAll("\\r", "\r").replaceAll("\\n", "\n");
  expect(stdout.toString()).toBe(input ?? (command.includes("< disk.img") ? "an image\n" : "typed\n"));
});

test.each(COMMANDS.filter(({ name }) => name === "listen" || name === "relay"))(
  "$command",
  async ({ command }) => {
    const program = shell(`exec ${command}`);
    const port = await portOf(program);
    const tls = command.includes(" --tls ") ? ["--tls", "--ca", files.authority] : [];
    const client = tcp6("connect", "localhost", port, "-4", ...tls);
    client.feed("hello\n");
    const isForOne = command.includes("> disk.img");
    if (isForOne) program.feed("");
    const { status, stdout, stderr } = await client.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    if (!isForOne) program.kill("SIGTERM");
    expect((await program.ended).status).toBe(0);
    const answer = isForOne ? await readFile(join(directory, "disk.img")) : stdout;
    if (command.includes("--proxy-header v2")) {
      // The target, which is an echo, has got a header first.
      expect(answer.subarray(0, 12).toString("latin1")).toBe("\r\n\r\n\0\r\nQUIT\n");
    }
    expect(answer.toString()).toMatch(command.includes("tr a-z A-Z") ? /^HELLO\n$/ : /hello\n$/);
  },
);
