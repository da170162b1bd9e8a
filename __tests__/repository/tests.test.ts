import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const TESTS = fileURLToPath(new URL("../", import.meta.url));
const SOURCES = fileURLToPath(new URL("../../src/", import.meta.url));

/** The folders that are about more than one folder or file of the sources. */
const SUITES = [
  "contract",
  "deaths",
  "fuzz",
  "leaks",
  "network",
  "peers",
  "platforms",
  "process",
  "repository",
  "support",
] as const;

const folders = readdirSync(TESTS, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ parentPath, name }) => join(parentPath, name).slice(TESTS.length));
const files = readdirSync(TESTS, { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);

function isOfSuite(path: string): boolean {
  return SUITES.some((suite) => path === suite || path.startsWith(`${suite}/`));
}

test("each folder of tests is one of the suites, or is named after a folder or a file of the sources", () => {
  const others = folders.filter((folder) => !isOfSuite(folder));
  expect(others).toContain("core/reading");
  const strays = others.filter(
    (folder) => !existsSync(join(SOURCES, folder)) && !existsSync(join(SOURCES, `${folder}.ts`)),
  );
  expect(strays).toEqual([]);
});

test("outside the suites there are tests only: what they share is in support", () => {
  const shared = files.filter((file) => !isOfSuite(file) && !file.endsWith(".test.ts"));
  expect(shared).toEqual([]);
});
