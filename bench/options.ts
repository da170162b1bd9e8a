import { parseArgs } from "node:util";

export interface Options {
  readonly quick: boolean;
  readonly short: boolean;
  /** Names of cases, or of rows; empty for all. */
  readonly only: readonly string[];
  readonly list: boolean;
  readonly node: string;
  readonly check: boolean;
  readonly save: boolean;
  readonly write: boolean;
  readonly profile: boolean;
  readonly help: boolean;
}

export const USAGE = `npm run bench -- [options] [NAME ...]

  --quick       all rows, in half of the time; rougher
  --short       a guard, in three minutes (six beside other work): only the floors, and what must reach something
                beside them; names the rows that are worse than in bench/ratios.json, and does not fail
  NAME          only this case, or the case of this row (see --list)
  --only NAME   the same
  --list        the names of cases and rows, and what they are
  --node PATH   test this Node.js instead of the one that runs the benchmark
  --check       compare with bench/ratios.json, and fail if something got worse
  --save        write the ratios to bench/ratios.json
  --write       write docs/performance.md also after a run that was quick or of a part only
  --profile     where the processes of tcp6 spend their time: the functions at the top
`;

/** @throws TypeError if they are not understood */
export function optionsOf(args: readonly string[]): Options {
  const flag = { type: "boolean", default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: flag,
      short: flag,
      only: { type: "string", multiple: true, default: [] },
      list: flag,
      node: { type: "string", default: process.execPath },
      check: flag,
      save: flag,
      write: flag,
      profile: flag,
      help: { ...flag, short: "h" },
    },
  });
  const isPartial = values.quick || values.short;
  if (values.save && (isPartial || values.profile)) {
    throw new TypeError("--save wants a full run: quick ones are rough, and a profiler costs time itself");
  }
  if (values.write && values.short)
    throw new TypeError("--write wants all programs, which --short leaves out");
  return { ...values, only: [...values.only, ...positionals] };
}
