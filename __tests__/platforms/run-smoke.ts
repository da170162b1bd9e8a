// Runs one case of smoke.ts or smoke-tls.ts: `run-smoke <case>`. Nothing of a test runner is in here.
import assert from "node:assert/strict";
import process from "node:process";
import { tlsCases } from "./smoke-tls.js";
import { cases } from "./smoke.js";

const name = process.argv[2] ?? "";
const run = cases[name] ?? tlsCases[name];
assert(run !== undefined, `no such case: ${name}`);
await run();
console.log("done");
