/** The type of codes, the documents and what is transient name the same codes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { NetError } from "../src/index.js";

const ROOT = join(import.meta.dirname, "..");
const DOCUMENT = readFileSync(join(ROOT, "docs/errors.md"), "utf8");

/** The codes of a union of src/error-codes.ts. */
function codesOf(union: string): string[] {
  const text = readFileSync(join(ROOT, "src/error-codes.ts"), "utf8");
  const file = ts.createSourceFile("error-codes.ts", text, ts.ScriptTarget.Latest);
  const alias = file.statements.filter(ts.isTypeAliasDeclaration).find(({ name }) => name.text === union);
  if (alias === undefined || !ts.isUnionTypeNode(alias.type)) throw new Error(`no union ${union}`);
  return alias.type.types.map((type) => {
    if (!ts.isLiteralTypeNode(type) || !ts.isStringLiteral(type.literal)) throw new Error("not a code");
    return type.literal.text;
  });
}

/** The text below a heading of docs/errors.md, up to the next. */
function section(heading: string): string {
  const found = DOCUMENT.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  if (found === undefined) throw new Error(`no section ${heading}`);
  return found;
}

/** The codes in the first column of the table below a heading. */
function tableOf(heading: string): string[] {
  const cells = [...section(heading).matchAll(/^\| (`[A-Z][^|]*)\|/gm)].map(([, cell = ""]) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`([A-Z0-9_]+)`/g)].map(([, code = ""]) => code)).sort();
}

test("docs/errors.md explains each code of this library that the type has, and no other", () => {
  expect(tableOf("Codes of this library")).toEqual(codesOf("LibraryCode").sort());
});

test("docs/errors.md explains each code of the platform that the type has", () => {
  const own = new Set(codesOf("LibraryCode"));
  const others = tableOf("Codes of the platform").filter((code) => !own.has(code));
  expect(others).toEqual(codesOf("PlatformCode").sort());
});

test("docs/errors.md explains each code of TLS that the type has, and none that is not TLS's", () => {
  const platform = new Set(codesOf("PlatformCode"));
  const others = tableOf("Codes of TLS").filter((code) => !platform.has(code));
  expect(others).toEqual(codesOf("TlsCode").sort());
});

test("docs/errors.md says of each code whether it is transient", () => {
  const [, list = ""] = /is `true` for: ([^]*?)\. It says/.exec(section("Transient")) ?? [];
  const documented = [...list.matchAll(/`(\w+)`/g)].map(([, code]) => code);
  const codes = [...codesOf("LibraryCode"), ...codesOf("PlatformCode"), ...codesOf("TlsCode")];
  const transient = codes.filter((code) => new NetError("", { code, operation: "read" }).transient);
  expect(documented).toEqual(transient.sort());
});
