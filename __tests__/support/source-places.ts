import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { dirname, resolve } from "node:path";
import { argv } from "node:process";

const MAP = "//# sourceMappingURL=data:application/json;base64,";

/**
 * A text with stacks of this process, with the places in the sources instead of those in the module that was built of them.
 * Node.js does so by `--enable-source-maps`, which costs every error more time than many a test takes.
 */
export function withSourcePlaces(text: string): string {
  const [, program = ""] = argv;
  if (!text.includes(program)) return text;
  // The last line; what is not built has none.
  const [, encoded] = (readFileSync(program, "utf8").trimEnd().split("\n").at(-1) ?? "").split(MAP);
  if (encoded === undefined) return text;
  const map = new SourceMap(JSON.parse(Buffer.from(encoded, "base64").toString()) as SourceMapPayload);
  return text
    .split(/(?:file:\/\/)?([^\s()]+:\d+:\d+)/u)
    .map((part) => {
      if (!part.startsWith(`${program}:`)) return part;
      const [line = 0, column = 0] = part
        .slice(program.length + 1)
        .split(":")
        .map(Number);
      const entry = map.findEntry(line - 1, column - 1);
      if (!("originalSource" in entry)) return part;
      const source = resolve(dirname(program), entry.originalSource);
      return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    })
    .join("");
}
