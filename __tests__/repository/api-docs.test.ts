/** The reference in docs/api/ is what the doc comments say, and says something of every public name. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COMMENT = /\/\*[^]*?\*\//g;
const EXPORTS = /export (?:type )?\{([^}]*)\}/g;

/** The names that the modules export by name. */
function exportsOf(...paths: string[]): string[] {
  return paths.flatMap((path) =>
    [...readFileSync(join(ROOT, path), "utf8").replace(COMMENT, "").matchAll(EXPORTS)]
      .flatMap(([, list = ""]) => list.split(","))
      .map((name) => name.replace(/^\s*type /, "").trim())
      .filter((name) => name !== ""),
  );
}

test("every public name is on one page", () => {
  const pages = readdirSync(join(ROOT, "scripts/api")).map((name) => `scripts/api/${name}`);
  const names = exportsOf("src/index.ts", "src/testing/index.ts");
  expect(names.length).toBeGreaterThan(100);
  expect(exportsOf(...pages).sort()).toEqual(names.sort());
});

describe("made anew", () => {
  const made = mkdtempSync(join(tmpdir(), "tcp6-api-"));
  const told = spawnSync(process.execPath, [join(ROOT, "scripts/api-docs.mjs"), made], { encoding: "utf8" });

  afterAll(() => rmSync(made, { recursive: true }));

  test("every public name has a doc comment, and every link in one leads somewhere", () => {
    // What TypeDoc has to say is among these lines.
    expect(told.stdout + told.stderr).not.toMatch(/warning|error/i);
    expect(told.status).toBe(0);
  });

  test("it is what docs/api/ has: `npm run docs:api` writes it", () => {
    const pagesIn = (directory: string) =>
      Object.fromEntries(
        readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")]),
      );
    expect(Object.keys(pagesIn(made)).length).toBeGreaterThan(5);
    expect(pagesIn(join(ROOT, "docs/api"))).toEqual(pagesIn(made));
  });
});
