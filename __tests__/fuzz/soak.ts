/**
 * `npm run soak`: random scenarios for as long as is said, by default five minutes, or `SOAK_SECONDS`.
 *
 *     npm run soak -- --seconds 600 --kind TLS        over the kinds of connections with "TLS" in their names
 *     npm run soak -- --seed 1 --runs 50              the scenarios of one seed
 *     npm run soak -- --seed 1 --path 7:0:1           the one that a failure has named
 *     npm run soak -- --kind simulated --tally        on virtual time; how often each call was made, and what it came to
 */
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.js";
import { Tally } from "./tally.js";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: process.env["SOAK_SECONDS"] ?? "300" },
    runs: { type: "string" },
    seed: { type: "string" },
    path: { type: "string" },
    kind: { type: "string", multiple: true },
    tally: { type: "boolean", default: false },
  },
});
const number = (text: string | undefined) => (text === undefined ? undefined : Number(text));

const tally = values.tally ? new Tally() : undefined;
const { text, failed } = await fuzz({
  seconds: number(values.seconds),
  runs: number(values.runs),
  seed: number(values.seed),
  path: values.path,
  kinds: values.kind,
  tally,
});
console.log(text);
if (tally !== undefined) console.log(tally.toString());
// What a failed run has left may go on.
process.exit(failed ? 1 : 0);
