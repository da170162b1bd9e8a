/**
 * The results of a run, for the terminal.
 */
import type { Case, Metric } from "./case.js";
import { isMissing, medianOf, type MissingRow, type Ratio } from "./ratios.js";
import type { Measured } from "./rounds.js";

/** The columns of a table of ratios. */
export const COLUMNS = [
  "work",
  "floor",
  "ratio",
  "half of the rounds",
  "best",
  "must",
  "aim",
  "reaches",
  "beside what it replaces",
];

/** What there is to be named: a case and its rows. */
export function listed({ name, title, rows }: Case): string {
  const lines = rows.map((row) => [row.name, row.work, `floor: ${row.floor}`]);
  return `${name}: ${plain(title)}\n${table(lines)}`;
}

/** What each contestant of a case costs. */
export function costs({ case: subject, figures, leftOut }: Measured): string {
  const { name, title, unit } = subject;
  const metrics: readonly Metric[] = subject.rows.some(({ metric }) => metric === "memory")
    ? ["memory"]
    : ["user", "whole"];
  const lines = [...figures].map(([contestant, of]) => [
    contestant,
    ...metrics.map((metric) => shown((medianOf(of, metric) ?? NaN) / unit.size)),
  ]);
  const absent = [...leftOut].map(
    ([contestant, { reason }]) => `  ${plain(contestant)}: left out, ${reason}\n`,
  );
  return `\n${name}: ${plain(title)}, ${unit.name}\n${table([["", ...metrics], ...lines])}${absent.join("")}`;
}

/** Every row's ratio to its floor, beside `must` and `aim`, and what it costs beside what it replaces. */
export function rows(ratios: readonly (Ratio | MissingRow)[]): string {
  const lines = ratios.map((entry) => {
    const { work, floor, must, aim } = entry.row;
    const asked = [must?.toFixed(2) ?? "", aim?.toFixed(2) ?? ""];
    if (isMissing(entry)) return [work, floor, "-", "", "", ...asked, entry.reason];
    const { ratio, low, high, best, beside } = entry;
    return [
      work,
      floor,
      ratio.toFixed(2),
      `${low.toFixed(2)}-${high.toFixed(2)}`,
      best.toFixed(2),
      ...asked,
      verdict(entry) ?? "",
      [...beside].map(([peer, { ratio }]) => `${ratio.toFixed(2)} of ${peer}`).join("; "),
    ];
  });
  return `\n${table([COLUMNS, ...lines])}`;
}

/** Whether a ratio reaches `must` or `aim`. */
export function verdict({ row: { must, aim }, ratio }: Ratio): "aim" | "must" | "missed" | undefined {
  if (must === undefined || aim === undefined) return undefined;
  // As people read them: to two digits.
  const read = Number(ratio.toFixed(2));
  if (read <= aim) return "aim";
  return read <= must ? "must" : "missed";
}

/** A name without the backticks that it has for Markdown. */
export function plain(words: string): string {
  return words.replaceAll("`", "");
}

/** A figure with three digits, or more before the point. */
export function shown(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : 2);
}

/** Columns side by side: text to the left, numbers to the right. */
function table(marked: readonly (readonly string[])[]): string {
  const lines = marked.map((line) => line.map(plain));
  const widths: number[] = [];
  for (const line of lines) {
    line.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  }
  const padded = lines.map((line) =>
    line.map((cell, column) =>
      /^[\d.]+$/.test(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    ),
  );
  return padded.map((line) => `  ${line.join("  ").trimEnd()}\n`).join("");
}
