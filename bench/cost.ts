import type { Figures } from "./case.js";
import type { Program } from "./program.js";
import type { Numbers } from "./stage.js";

/** Bytes: the unit of bulk work. */
export const GB = 1e9;

/**
 * What one operation cost the process on stage while `work` lasted; `unit` of what it counts are one operation.
 *
 * It is CPU time, never time on the clock: that depends on other processes, and on the slower of two processes.
 */
export async function costOf(stage: Program, work: () => Promise<unknown>, unit = 1): Promise<Figures> {
  const before = await stage.ask("mark");
  await work();
  const after = await stage.ask("mark");
  const operations = difference("operations", before, after) / unit;
  if (!(operations > 0)) throw new Error("nothing was done");
  const user = difference("user", before, after) / operations;
  return { user, whole: user + difference("system", before, after) / operations };
}

function difference(what: string, before: Numbers, after: Numbers): number {
  return (after[what] ?? NaN) - (before[what] ?? NaN);
}
