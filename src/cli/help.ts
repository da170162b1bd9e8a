import type { Command, Options } from "./arguments.js";
import { fold, glossary } from "./terminal.js";

/** Lines that are longer are hard to read. */
const WIDEST = 100;

/** The help of a command, no line wider than the terminal. */
export function helpOf(command: Command, columns: number): string {
  const width = Math.min(columns, WIDEST);
  const usage = command.usage.map((args) => `tcp6 ${command.name} ${args}`);
  return text([
    ...usage.flatMap((line) => fold(line, width - 4).map((part, i) => (i === 0 ? part : `    ${part}`))),
    ...command.about.flatMap((paragraph) => ["", ...fold(paragraph, width)]),
    "",
    ...glossary(entriesOf(command.options), width),
  ]);
}

/** What the program can do. */
export function overview(commands: readonly Command[], columns: number): string {
  const width = Math.min(columns, WIDEST);
  return text([
    ...fold("tcp6 COMMAND, which is one of these; tcp6 COMMAND --help says more", width),
    "",
    ...glossary(
      commands.map(({ name, summary }) => [name, summary]),
      width,
    ),
    "",
    ...fold(
      "An ENDPOINT is host:port, [IPv6 address]:port, or the path of a Unix socket. A port is a number or the name " +
        "of a service. A TIME is in ms, or has a unit: 500, 500ms, 2s, 1m, none.",
      width,
    ),
    "",
    ...fold("Exit status: 0 all went well, 1 the network failed, 2 the command line is wrong.", width),
  ]);
}

function entriesOf(options: Options): [string, string][] {
  return Object.entries(options).map(([name, { short, takes, says }]) => {
    const letter = short === undefined ? `    --${name}` : `-${short}, --${name}`;
    return [takes === undefined ? letter : `${letter} ${takes}`, says];
  });
}

function text(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
