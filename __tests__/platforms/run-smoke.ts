// Runs one case: `run-smoke <case>`. Nothing of a test runner is in here.
import assert from "node:assert/strict";
import process from "node:process";
import { publicCases } from "./public-cases.js";
import { networkCases } from "./smoke-network.js";

const name = process.argv[2] ?? "";
const run = publicCases[name] ?? networkCases[name];
assert(run !== undefined, `no such case: ${name}`);
await run();
console.log("done");
