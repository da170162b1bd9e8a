import process from "node:process";
import { NetError } from "../index.js";
import type { Arguments, Options } from "./arguments.js";
import { terminalOf } from "./terminal.js";

export const REPORT_OPTIONS = {
  json: { says: "say everything as JSON, one object on a line" },
  verbose: { short: "v", says: "say more on stderr, also where that is no terminal" },
  quiet: { short: "q", says: "say nothing on stderr but errors" },
  help: { short: "h", says: "show this, and do nothing" },
} as const satisfies Options;

/** What the program says on stderr, beside the bytes that pass through it. */
export class Report {
  readonly isJson: boolean;
  readonly #isQuiet: boolean;
  readonly #isDetailed: boolean;

  constructor(given: Arguments) {
    this.isJson = given.has("json");
    this.#isQuiet = given.has("quiet");
    this.#isDetailed = given.has("verbose") || this.isJson || process.stderr.isTTY;
  }

  /** Says what has happened. */
  event(event: string, facts: object, sentence: string): void {
    if (this.#isQuiet) return;
    if (this.isJson) line({ event, ...facts });
    else process.stderr.write(`${terminalOf(process.stderr).paint("dim", sentence)}\n`);
  }

  /** Says what matters only to those who watch: in a terminal, or if the caller wants more. */
  detail(event: string, facts: object, sentence: string): void {
    if (this.#isDetailed) this.event(event, facts, sentence);
  }

  /** Says why something has failed. */
  error(error: unknown, facts: object = {}): void {
    if (this.isJson) line({ event: "error", ...facts, ...factsOfError(error) });
    else complain(sentenceOf(error));
  }
}

/** An error as an object for JSON. */
export function factsOfError(error: unknown): object {
  if (error instanceof NetError) return error.toJSON();
  const { name, code } = error as { name?: unknown; code?: unknown };
  return { name, message: sentenceOf(error), code };
}

/** An error on one line of stderr. */
export function complain(sentence: string): void {
  process.stderr.write(`${terminalOf(process.stderr).paint("red", "tcp6:")} ${sentence}\n`);
}

export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message.replaceAll("\n", " ") : String(error);
}

function line(object: object): void {
  process.stderr.write(`${JSON.stringify(object)}\n`);
}
