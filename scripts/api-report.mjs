/**
 * Prints what the declarations in a dist/ promise, without comments and in an order of names, so that a change of the public
 * interface is a change of this text: `node scripts/api-report.mjs dist > api-report.md`.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

const [dist = "dist"] = process.argv.slice(2);
const ENTRIES = { tcp6: "index.d.cts", "tcp6/testing": "testing.d.cts" };
/** What the entries share. */
const SHARED = "shared.d.cts";

const printer = ts.createPrinter({ removeComments: true });
const exported = {};
const declarations = new Map();
for (const file of [...Object.values(ENTRIES), SHARED]) {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(dist, file), "utf8"),
    ts.ScriptTarget.Latest,
    true,
  );
  exported[file] = [];
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) continue;
    if (ts.isExportDeclaration(statement)) {
      exported[file].push(...statement.exportClause.elements.map(({ name }) => name.text));
      continue;
    }
    const names = ts.isVariableStatement(statement)
      ? statement.declarationList.declarations.map(({ name }) => name.getText())
      : [statement.name.text];
    const key = names.join(", ");
    const text = printer.printNode(ts.EmitHint.Unspecified, statement, source);
    declarations.set(key, [...(declarations.get(key) ?? []), text]);
  }
}
const byName = ([a], [b]) => (a < b ? -1 : 1);
const lines = [
  "# The public interface",
  "",
  "Made by `npm run api`; a test compares it with what is built. Each change of it is one that users can see.",
];
for (const [entry, file] of Object.entries(ENTRIES)) {
  lines.push("", `## Exports of \`${entry}\``, "", ...exported[file].sort().map((name) => `- \`${name}\``));
}
lines.push("", "## Declarations", "", "```ts");
lines.push(
  [...declarations]
    .sort(byName)
    .map(([, texts]) => texts.join("\n"))
    .join("\n\n"),
  "```",
);
console.log(lines.join("\n"));
