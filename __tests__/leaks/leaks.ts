/**
 * What remains of connections, calls and listeners that are over: nothing. Each scenario does something very often, in
 * slices; after each, memory, descriptors, handles and listeners are counted. See run.ts for how it is started.
 */
import { parseArgs } from "node:util";
import { measured, type Report } from "./measure.js";
import { mixtureOf } from "./mixture.js";
import { plants } from "./plants.js";
import type { Scenario } from "./scenario.js";
import { connections } from "./scenarios/connections.js";
import { connects } from "./scenarios/connects.js";
import { errors } from "./scenarios/errors.js";
import { headers } from "./scenarios/headers.js";
import { listeners } from "./scenarios/listeners.js";
import { pairs } from "./scenarios/pairs.js";
import { calls, reads } from "./scenarios/reads.js";
import { tls } from "./scenarios/tls.js";

const SCENARIOS: readonly Scenario[] = [
  connections,
  reads,
  connects,
  calls,
  errors,
  headers,
  listeners,
  pairs,
  tls,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Which part of a full run is done. */
    scale: { type: "string", default: "1" },
    /** The same for the scenarios other than the first three. */
    others: { type: "string" },
    /** A line through so many points is no accident. */
    slices: { type: "string", default: "10" },
    /** Prints what was counted after each slice. */
    samples: { type: "boolean", default: false },
    /** Runs a little of all scenarios, as one. */
    mixed: { type: "boolean", default: false },
    /** Runs what leaks on purpose. */
    planted: { type: "boolean", default: false },
  },
});
const scale = Number(values.scale);
const others = Number(values.others ?? values.scale);

const all = values.planted ? plants : values.mixed ? [mixtureOf(SCENARIOS)] : SCENARIOS;
const unknown = positionals.filter((name) => all.every((scenario) => scenario.name !== name));
if (unknown.length > 0) throw new RangeError(`no such scenario: ${unknown.join(", ")}`);

for (const [index, scenario] of all.entries()) {
  if (positionals.length > 0 && !positionals.includes(scenario.name)) continue;
  const report = await measured(scenario, index < 3 ? scale : others, Number(values.slices));
  console.log(textOf(report));
  if (values.samples) for (const sample of report.samples) console.log(JSON.stringify(sample));
  if (report.leaks.length > 0) process.exitCode = 1;
}
// What was planted would keep it.
if (values.planted) process.exit();

function textOf({ name, done, leaks, cpuSeconds }: Report): string {
  const what = leaks.map(({ what, more }) => `${String(more)} ${what}`).join(", ");
  const outcome = leaks.length === 0 ? "nothing is left" : `left: ${what}`;
  return `${name}: ${done} in ${cpuSeconds.toFixed(1)} s of CPU time, ${outcome}`;
}
