import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Format } from "esbuild";

const directory = mkdtempSync(join(tmpdir(), "tcp6-"));
const library = fileURLToPath(new URL("../../src/index.ts", import.meta.url));

afterAll(() => rmSync(directory, { recursive: true }));

/** What a program prints that is bundled with the library and runs with nothing beside it. */
async function said(format: Format, body: string): Promise<unknown> {
  const program = join(directory, format === "cjs" ? "program.cjs" : "program.mjs");
  await build({
    stdin: {
      contents: `import { connect, listen, NetError, resolve } from ${JSON.stringify(library)};\n${body}`,
      resolveDir: directory,
    },
    outfile: program,
    bundle: true,
    platform: "node",
    format,
    target: "node20.19",
    logLevel: "silent",
  });
  return JSON.parse(
    execFileSync(process.execPath, [program], { cwd: directory, encoding: "utf8", timeout: 15_000 }),
  );
}

const PROGRAM = `
const told = (error) => [
  error instanceof NetError, error.operation, error.code, error.message, error.cause instanceof Error,
];
Promise.all([
  resolve("127.0.0.1", "http").then(([{ port }]) => port),
  resolve("127.0.0.1", "no-such-service").catch(told),
  connect("127.0.0.1:no-such-service").then((connection) => connection.close()).catch(told),
  listen("no-such-service").then((listener) => listener.close()).catch(told),
]).then((results) => console.log(JSON.stringify(results)));
`;

describe("in a bundle that has left IANA's registry behind", () => {
  test.each<Format>(["esm", "cjs"])("an unknown service is EAI_SERVICE all the same (%s)", async (format) => {
    const reason = 'no service named "no-such-service", and IANA\'s registry could not be read (EAI_SERVICE)';
    const refused = (host: string) => [
      true,
      "resolve",
      "EAI_SERVICE",
      `resolve ${host}:no-such-service: ${reason}`,
      true,
    ];
    expect(await said(format, PROGRAM)).toEqual([
      80,
      refused("127.0.0.1"),
      refused("127.0.0.1"),
      refused("*"),
    ]);
  });
});
