/**
 * The documents are true: each ```ts block in README.md and docs/ is a whole program, which compiles under the strict
 * settings of this project and is run as a process of its own. It must end by itself with status 0 and say nothing on
 * stderr; what it prints must be what its comments `// → …` say, in that order.
 *
 * A comment `<!-- before … -->` ahead of a block runs before it and plays the other end. The port 4242 stands for one
 * that is free.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { listen } from "../../src/index.js";
import { endPrograms, Program } from "../support/program.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FILES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", ...markdownIn("docs")];
const BLOCK = /(?:<!-- before\n([^]*?)-->\s*)?```ts\n([^]*?)```/g;
const LINK = /\]\(([^)#]*)(?:#([^)]*))?\)/g;

interface Block {
  /** Where it is: `docs/errors.md:12`. */
  readonly name: string;
  /** The name of its module. */
  readonly module: string;
  readonly code: string;
  /** What it prints. */
  readonly prints: string;
}

function markdownIn(directory: string): string[] {
  return readdirSync(join(ROOT, directory))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${directory}/${name}`);
}

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

function blocksOf(file: string): Block[] {
  const text = textOf(file);
  return [...text.matchAll(BLOCK)].map((match) => {
    const [whole, before = "", shown = ""] = match;
    const line = text.slice(0, match.index + whole.indexOf("```ts")).split("\n").length;
    const prints = [...shown.matchAll(/\/\/ → (.*)$/gm)].map(([, printed]) => `${printed ?? ""}\n`);
    const module = `${file.replace(/\W/g, "-")}-${line}`;
    return { name: `${file}:${line}`, module, code: `${before}\n${shown}`, prints: prints.join("") };
  });
}

const BLOCKS = FILES.flatMap(blocksOf);

let built: string;
let problems: readonly ts.Diagnostic[];

/** The options of the project's tsconfig.json, for compiling to where it can be run. */
function compilerOptions(): ts.CompilerOptions {
  const config: unknown = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) =>
    ts.sys.readFile(path),
  ).config;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  return {
    ...options,
    noEmit: false,
    noUnusedLocals: false,
    rootDir: ROOT,
    outDir: built,
    paths: { tcp6: [join(ROOT, "src/index.ts")] },
    types: ["node"],
    typeRoots: [join(ROOT, "node_modules/@types")],
  };
}

/** Compiles all blocks, with the sources they stand on, into `built`. */
function compile(port: number): readonly ts.Diagnostic[] {
  const sources = new Map(
    BLOCKS.map(({ module, code }) => [
      join(ROOT, `blocks/${module}.ts`),
      code.replaceAll("4242", String(port)),
    ]),
  );
  const options = compilerOptions();
  const host = ts.createCompilerHost(options);
  host.readFile = (path) => sources.get(path) ?? ts.sys.readFile(path);
  host.fileExists = (path) => sources.has(path) || ts.sys.fileExists(path);
  const program = ts.createProgram([...sources.keys()], options, host);
  program.emit();
  return ts.getPreEmitDiagnostics(program);
}

/** As if tcp6 and what it depends on were installed there. */
async function install(): Promise<void> {
  const modules = join(built, "node_modules");
  await mkdir(join(modules, "tcp6"), { recursive: true });
  await writeFile(join(built, "package.json"), '{ "type": "module" }');
  await writeFile(join(modules, "tcp6/package.json"), '{ "type": "module", "exports": "./index.js" }');
  await writeFile(join(modules, "tcp6/index.js"), 'export * from "../../src/index.js";');
  const { dependencies } = JSON.parse(textOf("package.json")) as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) {
    await symlink(join(ROOT, "node_modules", name), join(modules, name), "junction");
  }
}

async function freePort(): Promise<number> {
  const listener = await listen(0);
  await listener.close();
  return listener.port;
}

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), "tcp6-docs-"));
  problems = compile(await freePort());
  await install();
}, 60_000);

afterAll(() => rm(built, { recursive: true }));

afterEach(endPrograms);

test("there is something to run in the README and on most pages", () => {
  const files = new Set(BLOCKS.map(({ name }) => name.replace(/:\d+$/, "")));
  expect(files).toContain("README.md");
  expect(files.size).toBeGreaterThan(4);
});

test("every block compiles", () => {
  const host = { getCanonicalFileName: String, getCurrentDirectory: () => ROOT, getNewLine: () => "\n" };
  expect(ts.formatDiagnostics(problems, host)).toBe("");
});

test.each(BLOCKS)("$name does what it says", async ({ module, prints }) => {
  const file = join(built, "blocks", `${module}.js`);
  const { status, stdout, stderr } = await new Program(process.execPath, [
    "--unhandled-rejections=strict",
    file,
  ]).ended;
  expect({ status, stderr, stdout: stdout.toString() }).toEqual({ status: 0, stderr: "", stdout: prints });
});

test.each(FILES)("the links of %s lead somewhere", (file) => {
  const links = [...textOf(file).matchAll(LINK)].filter(([, target = ""]) => !target.startsWith("http"));
  const dead = links.filter(([, target = "", section]) => {
    const path = target === "" ? file : join(dirname(file), target);
    return !existsSync(join(ROOT, path)) || (section !== undefined && !sectionsOf(path).has(section));
  });
  expect(dead.map(([link]) => link)).toEqual([]);
});

test("docs/errors.md has every code that the sources make", () => {
  const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => textOf(join("src", name)));
  const codes = new Set(
    sources.flatMap((text) => [...text.matchAll(/"(E[A-Z_]{4,})"/g)].map(([, code = ""]) => code)),
  );
  const page = textOf("docs/errors.md");
  expect(codes).toContain("ERR_BUSY");
  expect([...codes].filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});

function sectionsOf(file: string): Set<string> {
  const headings = [...textOf(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, "")
        .replace(/ /g, "-"),
    ),
  );
}
