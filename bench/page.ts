/**
 * The parts of docs/performance.md that are generated. Each is between two marks; the rest of the page is edited by hand.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BENCH } from "./peers.js";
import { writeFormatted } from "./write-formatted.js";

export const DOCS = join(BENCH, "../docs");

/** Puts a text in the place of what is between the two marks of that name. */
export async function writePart(name: string, text: string): Promise<void> {
  const page = join(DOCS, "performance.md");
  const [first, last] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const old = await readFile(page, "utf8");
  const begin = old.indexOf(first);
  const end = old.indexOf(last);
  if (begin === -1 || end < begin) throw new Error(`docs/performance.md lacks ${first} and ${last}`);
  await writeFormatted(page, old.slice(0, begin + first.length) + text + old.slice(end));
}

/** A table of Markdown; prettier aligns it. */
export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const dashes = head.map(() => "---");
  return [head, dashes, ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n");
}
