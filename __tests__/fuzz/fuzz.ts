/** Random scenarios, until time is up or one of them fails, which is then made as short as it can be. */
import fc from "../support/fast-check.js";
import { scenarios } from "./arbitrary.js";
import { kinds, type Kind } from "./kinds.js";
import { run } from "./run.js";
import { textOf } from "./scenario.js";
import type { Tally } from "./tally.js";

export interface FuzzOptions {
  /** Most seconds for all of it, 60 by default. */
  readonly seconds?: number | undefined;
  /** Most scenarios. */
  readonly runs?: number | undefined;
  /** What the scenarios are made from; random by default. */
  readonly seed?: number | undefined;
  /** Which of the scenarios of that seed, as a failure has printed it. */
  readonly path?: string | undefined;
  /** Parts of the names of the kinds of connections; all by default. */
  readonly kinds?: readonly string[] | undefined;
  /** Counts what the calls come to. */
  readonly tally?: Tally | undefined;
}

export interface Outcome {
  readonly failed: boolean;
  readonly runs: number;
  readonly text: string;
}

/** Scenarios of one seed; then the next seed follows. */
const BATCH = 50;

/** Most ms that are spent on making a failing scenario short. */
const SHRINKING = 180_000;

/** @param among - the kinds of connections that there are */
export async function fuzz(options: FuzzOptions = {}, among = kinds): Promise<Outcome> {
  const { seconds = 60, runs = Infinity, path, kinds: parts, tally } = options;
  const first = options.seed ?? Math.floor(Math.random() * 2 ** 30);
  const property = fc.asyncProperty(scenarios(chosen(among, parts)), (scenario) =>
    run(
      scenario,
      among.find(({ name }) => name === scenario.kind),
      tally,
    ),
  );
  const deadline = performance.now() + seconds * 1_000;
  let held = 0;
  for (let seed = first; ; seed++) {
    const details = await fc.check(property, {
      seed,
      numRuns: Math.min(BATCH, runs - held),
      interruptAfterTimeLimit: SHRINKING,
      ...(path === undefined ? {} : { path, endOnFailure: true }),
    });
    held += details.numRuns;
    const { counterexample, counterexamplePath } = details;
    if (counterexample !== null) {
      const text = [
        `seed ${String(seed)}: after ${String(held)} scenarios this one failed:`,
        textOf(counterexample[0]),
        "",
        (details.errorInstance as Error).message,
        "",
        `again: npm run soak -- --seed ${String(seed)} --path ${counterexamplePath}${selection(parts)}`,
      ];
      return { failed: true, runs: held, text: text.join("\n") };
    }
    if (details.interrupted) {
      const text = `seed ${String(seed)}: a scenario has not ended within ${String(SHRINKING)} ms`;
      return { failed: true, runs: held, text };
    }
    if (path !== undefined || held >= runs || performance.now() > deadline) {
      const seeds = `seeds ${String(first)} to ${String(seed)}`;
      return { failed: false, runs: held, text: `${seeds}: ${String(held)} scenarios held` };
    }
  }
}

/** The names of the kinds that have one of these parts in them. */
function chosen(among: readonly Kind[], parts: readonly string[] | undefined): string[] {
  const names = among.map(({ name }) => name);
  const found = names.filter((name) => parts?.some((part) => name.includes(part)) ?? true);
  if (found.length === 0) throw new Error(`no such kind; there are: ${names.join(", ")}`);
  return found;
}

function selection(parts: readonly string[] | undefined): string {
  return (parts ?? []).map((part) => ` --kind ${JSON.stringify(part)}`).join("");
}
