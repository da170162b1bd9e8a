import { parseAst } from "rollup/parseAst";

/**
 * Begins a line with each statement and each member of a class. Node.js prints the line in which an error was thrown that
 * nothing catches: of minified code that would be all of it.
 */
export function inLines(code) {
  const starts = [];
  collect(parseAst(code));
  let text = "";
  let from = 0;
  for (const start of starts.sort((one, other) => one - other)) {
    text += `${code.slice(from, start)}\n`;
    from = start;
  }
  return text + code.slice(from);

  function collect(node) {
    for (const [name, value] of Object.entries(node)) {
      if (typeof value !== "object" || value === null) continue;
      if (name === "body" && Array.isArray(value)) starts.push(...value.slice(1).map(({ start }) => start));
      collect(value);
    }
  }
}
