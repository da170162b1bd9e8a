/** How often each call was made, and how it settled: shows that the runs do what they are meant to. */
import type { Operation } from "./operation.js";

export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #outcomes = new Map<string, number>();

  add(operations: readonly Operation[]): void {
    for (const operation of operations) {
      const { op } = operation.call;
      const outcome = outcomeOf(operation);
      let row = this.#counts.get(op);
      if (row === undefined) this.#counts.set(op, (row = new Map<string, number>()));
      row.set(outcome, (row.get(outcome) ?? 0) + 1);
      this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    }
  }

  toString(): string {
    const columns = [...this.#outcomes].sort(([, a], [, b]) => b - a).map(([name]) => name);
    const rows = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    const cells = [
      ["call", ...columns],
      ...rows.map(([op, row]) => [op, ...columns.map((name) => String(row.get(name) ?? "-"))]),
    ];
    const widths = ["call", ...columns].map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
    return cells
      .map((row) =>
        row
          .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
          .join("  "),
      )
      .join("\n");
  }
}

function outcomeOf({ failure, isDone, end }: Operation): string {
  if (!isDone) return end.isGone ? "crashed" : "never";
  if (failure === undefined) return "done";
  if (failure instanceof Error && "code" in failure && typeof failure.code === "string") return failure.code;
  return "aborted";
}
