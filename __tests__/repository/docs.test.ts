/**
 * The documents are true: each ```ts block in README.md and docs/ is a whole program, which compiles under the strict
 * settings of this project and is run as a process of its own. It must end by itself with status 0 and say nothing on
 * stderr; what it prints must be what its comments `// → …` say, in that order.
 *
 * A comment `<!-- before … -->` ahead of a block runs before it and plays the other end. The port 4242 stands for one
 * that is free; after a comment `<!-- server: NAME -->` it is that of a server which runs meanwhile.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SourceTextModule } from "node:vm";
import { build } from "esbuild";
import ts from "typescript";
import { unusedPort } from "../support/unused-port.js";
import { describeWith } from "../support/machine.js";
import { endPrograms, Program } from "../support/program.js";
import { RECIPE_SERVERS, type RunningServer } from "../support/recipe-servers.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FILES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", ...markdownIn("docs")];
const BLOCK = /(?:<!-- server: (\w+) -->\s*)?(?:<!-- before\n([^]*?)-->\s*)?```ts\n([^]*?)```/g;
const IMPORT = /^import [^"]*"((?:@[^/"]+\/)?[^/"]+)/gm;
const LINK = /\]\(([^)#]*)(?:#([^)]*))?\)/g;

interface Block {
  /** Where it is: `docs/errors.md:12`. */
  readonly name: string;
  /** The name of its module. */
  readonly module: string;
  readonly code: string;
  /** What it prints. */
  readonly prints: string;
  /** The server that it needs, one of `RECIPE_SERVERS`. */
  readonly server: string | undefined;
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
    const [whole, server, before = "", shown = ""] = match;
    const line = text.slice(0, match.index + whole.indexOf("```ts")).split("\n").length;
    const prints = [...shown.matchAll(/\/\/ → (.*)$/gm)].map(([, printed]) => `${printed ?? ""}\n`);
    const module = `${file.replace(/\W/g, "-")}-${line}`;
    const code = `${before}\n${shown}`;
    return { name: `${file}:${String(line)}`, module, code, prints: prints.join(""), server };
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
    // Under this option no type with a getter fits `net.Socket`, and the types of many libraries ask for that.
    exactOptionalPropertyTypes: false,
    rootDir: ROOT,
    outDir: built,
    paths: {
      tcp6: [join(ROOT, "src/index.ts")],
      "tcp6/testing": [join(ROOT, "src/testing/index.ts")],
    },
    types: ["node"],
    typeRoots: [join(ROOT, "node_modules/@types")],
  };
}

/** Compiles all blocks, with the sources they stand on, into `built`. */
function compile(): readonly ts.Diagnostic[] {
  const sources = new Map(BLOCKS.map(({ module, code }) => [join(ROOT, `blocks/${module}.ts`), code]));
  const options = compilerOptions();
  const host = ts.createCompilerHost(options);
  host.readFile = (path) => sources.get(path) ?? ts.sys.readFile(path);
  host.fileExists = (path) => sources.has(path) || ts.sys.fileExists(path);
  const program = ts.createProgram([...sources.keys()], options, host);
  program.emit();
  return ts.getPreEmitDiagnostics(program);
}

/** As if tcp6, its peers and what the blocks import were installed there. */
async function install(): Promise<void> {
  const modules = join(built, "node_modules");
  const library = join(modules, "tcp6");
  await mkdir(library, { recursive: true });
  await writeFile(join(built, "package.json"), '{ "type": "module" }');
  const exports = { ".": "./index.js", "./testing": "./testing/index.js" };
  await writeFile(join(library, "package.json"), JSON.stringify({ type: "module", exports }));
  const { peerDependencies } = JSON.parse(textOf("package.json")) as Record<
    "peerDependencies",
    Record<string, string>
  >;
  // As scripts/build.mjs makes it: every block is a process, and loads one module much faster than all of them.
  await build({
    absWorkingDir: ROOT,
    entryPoints: ["src/index.ts", "src/testing/index.ts"],
    outdir: library,
    outbase: "src",
    bundle: true,
    splitting: true,
    external: Object.keys(peerDependencies),
    platform: "node",
    format: "esm",
    target: "node20.19",
  });
  await copyFile(join(ROOT, "src/address/registered-services.cjs"), join(library, "registered-services.cjs"));
  const imported = BLOCKS.flatMap(({ code }) => [...code.matchAll(IMPORT)].map(([, name = ""]) => name));
  for (const name of new Set([...Object.keys(peerDependencies), ...imported])) {
    if (name === "tcp6" || /^node:|^\./.test(name)) continue;
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(ROOT, "node_modules", name), join(modules, name), "junction");
  }
}

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), "tcp6-docs-"));
  problems = compile();
  await install();
}, 120_000);

afterAll(async () => {
  await endPrograms();
  await rm(built, { recursive: true });
});

test("there is something to run in the README and on most pages", () => {
  const files = new Set(BLOCKS.map(({ name }) => name.replace(/:\d+$/, "")));
  expect(files).toContain("README.md");
  expect(files.size).toBeGreaterThan(4);
});

test("what the README has to be pasted is JavaScript, on every release", () => {
  const pasted = [...textOf("README.md").matchAll(/```ts\n([^]*?)```/g)].map(([, code = ""]) => code);
  expect(pasted.length).toBeGreaterThan(1);
  for (const code of pasted) new SourceTextModule(code); // It throws a SyntaxError.
});

test("every block compiles", () => {
  const host = { getCanonicalFileName: String, getCurrentDirectory: () => ROOT, getNewLine: () => "\n" };
  expect(ts.formatDiagnostics(problems, host)).toBe("");
});

/** Runs a block, with a port in place of 4242. */
async function run({ module, prints }: Block, port: number): Promise<void> {
  const file = join(built, "blocks", `${module}.js`);
  writeFileSync(file, readFileSync(file, "utf8").replaceAll("4242", String(port)));
  const { status, stdout, stderr } = await new Program(process.execPath, [
    "--unhandled-rejections=strict",
    file,
  ]).ended;
  expect({ status, stderr, stdout: stdout.toString() }).toEqual({ status: 0, stderr: "", stdout: prints });
}

test.each(BLOCKS.filter(({ server }) => server === undefined))("$name does what it says", async (block) => {
  await run(block, await unusedPort());
});

test("the servers that blocks need are known", () => {
  const names = new Set(BLOCKS.flatMap(({ server }) => server ?? []));
  expect(Object.keys(RECIPE_SERVERS)).toEqual(expect.arrayContaining([...names]));
});

for (const [name, server] of Object.entries(RECIPE_SERVERS)) {
  const blocks = BLOCKS.filter((block) => block.server === name);
  if (blocks.length === 0) continue;
  describeWith(server.peer ?? [], `with ${name}`, () => {
    let running: RunningServer;

    beforeAll(async () => {
      running = await server.start();
    });

    afterAll(() => running.stop());

    test.each(blocks)("$name does what it says", async (block) => {
      await run(block, running.port);
    });
  });
}

test.each([...FILES, ...markdownIn("docs/api")])("the links of %s lead somewhere", (file) => {
  const links = [...textOf(file).matchAll(LINK)].filter(([, target = ""]) => !target.startsWith("http"));
  const dead = links.filter(([, target = "", section]) => {
    const path = target === "" ? file : join(dirname(file), target);
    return !existsSync(join(ROOT, path)) || (section !== undefined && !sectionsOf(path).has(section));
  });
  expect(dead.map(([link]) => link)).toEqual([]);
});

test("the tests that docs/security.md names are in the files that it links to", () => {
  const named = [...textOf("docs/security.md").matchAll(/\[([^\]]+)\]\(\.\.\/((?:__tests__|src)\/[^)]+)\)/g)];
  expect(named.length).toBeGreaterThan(20);
  const missing = named.filter(([, name = "", file = ""]) => !textOf(file).includes(name));
  expect(missing.map(([, name]) => name)).toEqual([]);
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

test("the codecs in the table of docs/messages.md are those that are held against bytes of the protocols", () => {
  const tested = textOf("__tests__/messages/codecs/protocols.test.ts").matchAll(/^ {4}codec: (.*),$/gm);
  const [, table = ""] = textOf("docs/messages.md").split("\n### Protocols\n");
  const shown = table.matchAll(/^\|[^|]*\| `(\w+\(.*?\))` +\|/gm);
  const own = ["jsonLines()"]; // It has tests of its own.
  const textsOf = (matches: Iterable<RegExpMatchArray>) => [...matches].map(([, codec = ""]) => codec);
  expect(new Set(textsOf(shown))).toEqual(new Set([...textsOf(tested), ...own]));
});

/** The anchors of a page's headings, as GitHub gives them: those that would be the same are numbered. */
function sectionsOf(file: string): Set<string> {
  const headings = [...textOf(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
  const counts = new Map<string, number>();
  return new Set(
    headings.map((heading) => {
      const slug = heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, "")
        .replace(/ /g, "-");
      const count = counts.get(slug) ?? 0;
      counts.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${String(count)}`;
    }),
  );
}
