import process from "node:process";

/** What a stream of the process's can show. */
export interface Terminal {
  readonly columns: number;
  readonly isTerminal: boolean;
  /** Whether it shows the characters that boxes are drawn with. */
  readonly hasBoxes: boolean;
  paint(color: Color, text: string): string;
}

export type Color = keyof typeof CODES;

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;

const DEFAULT_COLUMNS = 80;
const FEWEST_COLUMNS = 20;

export function terminalOf(stream: NodeJS.WriteStream): Terminal {
  const isTerminal = stream.isTTY;
  // Some terminals say that they have no columns.
  const columns = isTerminal && stream.columns > 0 ? stream.columns : DEFAULT_COLUMNS;
  const isColored = hasColors(isTerminal);
  return {
    columns: Math.max(FEWEST_COLUMNS, columns),
    isTerminal,
    hasBoxes: isTerminal && isUtf8(),
    paint: (color, text) => (isColored && text !== "" ? `\x1b[${String(CODES[color])}m${text}\x1b[0m` : text),
  };
}

/** https://no-color.org, https://force-color.org */
function hasColors(isTerminal: boolean): boolean {
  const { NO_COLOR = "", FORCE_COLOR = "", TERM } = process.env;
  if (NO_COLOR !== "") return false;
  if (FORCE_COLOR !== "") return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return isTerminal && TERM !== "dumb";
}

function isUtf8(): boolean {
  const { LC_ALL, LC_CTYPE, LANG, TERM, WT_SESSION } = process.env;
  if (TERM === "dumb") return false;
  return WT_SESSION !== undefined || /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || "");
}

/** The lines of a text, none wider than `width`. Words stay whole unless they are wider themselves. */
export function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (let word of text.split(" ")) {
    const joined = line === "" ? word : `${line} ${word}`;
    if (joined.length <= width) {
      line = joined;
      continue;
    }
    if (line !== "") lines.push(line);
    for (; word.length > width; word = word.slice(width)) lines.push(word.slice(0, width));
    line = word;
  }
  return [...lines, line];
}

/** Terms and what is said of each, the latter in a column of its own, or below if that would be too narrow. */
export function glossary(entries: readonly (readonly [string, string])[], columns: number): string[] {
  const widest = Math.max(...entries.map(([term]) => term.length));
  const room = columns - widest - 2;
  const isNarrow = room < 36;
  return entries.flatMap(([term, text]) => {
    if (isNarrow) return [...fold(term, columns), ...fold(text, columns - 4).map((line) => `    ${line}`)];
    return fold(text, room).map((line, i) => `${(i === 0 ? term : "").padEnd(widest)}  ${line}`);
  });
}

/** A text from the network, whose control characters can do nothing to a terminal. */
export function visible(text: string): string {
  return text.replace(
    /[\0-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

/** A time for people. */
export function shownTime(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** A number of bytes for people. */
export function shownBytes(bytes: number): string {
  if (bytes === 1) return "1 byte";
  if (bytes < 10_000) return `${String(bytes)} bytes`;
  const units = ["kB", "MB", "GB", "TB"];
  let size = bytes / 1_000;
  let unit = 0;
  for (; size >= 999.95 && unit < units.length - 1; unit++) size /= 1_000;
  return `${size.toFixed(1)} ${units[unit] ?? ""}`;
}
