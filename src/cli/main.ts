#!/usr/bin/env node
/**
 * The program `tcp6` (docs/command-line.md): to import this module runs it.
 */
import process from "node:process";
import { run } from "./program.js";

void run(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
