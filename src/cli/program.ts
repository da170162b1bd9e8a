import process from "node:process";
import { NetError } from "../index.js";
import { Arguments, UsageError, type Command } from "./arguments.js";
import { CONNECT } from "./connect.js";
import { helpOf, overview } from "./help.js";
import { LISTEN } from "./listen.js";
import { PROBE } from "./probe.js";
import { RELAY } from "./relay.js";
import { complain, Report, sentenceOf } from "./report.js";
import { terminalOf } from "./terminal.js";
import { VERSION } from "./version.js";

/** What the program can do. */
export const COMMANDS: readonly Command[] = [PROBE, CONNECT, LISTEN, RELAY];

const FAILED = 1;
const WRONG = 2;

/** Runs the program, and resolves to its exit status. It rejects only for a fault of its own. */
export async function run(args: readonly string[]): Promise<number> {
  // Each write tells its caller. Without a listener the process would die of it.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  const [name = "", ...rest] = args;
  const { columns } = terminalOf(process.stdout);
  if (/^(?:help|-h|--help)$/.test(name)) {
    const asked = COMMANDS.find((command) => command.name === rest[0]);
    process.stdout.write(asked === undefined ? overview(COMMANDS, columns) : helpOf(asked, columns));
    return 0;
  }
  if (name === "--version") {
    process.stdout.write(`${VERSION}\n`);
    return 0;
  }
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) {
    complain(name === "" ? "needs a command: tcp6 --help" : `there is no command "${name}": tcp6 --help`);
    return WRONG;
  }
  let given: Arguments;
  try {
    given = Arguments.parse(command, rest);
  } catch (error) {
    return usageStatus(command, error);
  }
  if (given.has("help")) {
    process.stdout.write(helpOf(command, columns));
    return 0;
  }
  try {
    return await command.run(given);
  } catch (error) {
    if (error instanceof UsageError || isAboutArgument(error)) return usageStatus(command, error);
    if (!(error instanceof NetError)) throw error;
    new Report(given).error(error);
    return FAILED;
  }
}

function usageStatus(command: Command, error: unknown): number {
  complain(`${sentenceOf(error)}; tcp6 ${command.name} --help`);
  return WRONG;
}

/** Whether the library refuses an argument, which is the caller's. */
function isAboutArgument(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return (error instanceof TypeError || error instanceof RangeError) && typeof code === "string";
}
