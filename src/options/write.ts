import { checkString, oneOf, wrongValue } from "./checks.js";
import { OPERATION } from "./operation.js";
import { checkOptions, schemaOf } from "./schema.js";
import type { OperationOptions } from "./operation.js";

/** How text becomes bytes. */
export type TextEncoding = "utf8" | "latin1";

/** How to write. */
export interface WriteOptions extends OperationOptions {
  /**
   * How the texts that are written become bytes: `"utf8"`, or `"latin1"`, one byte for each character up to U+00FF. A text
   * with any other character is then a `TypeError`, and nothing is written. Views and `ArrayBuffer`s are sent as they are.
   *
   * @default "utf8"
   * @example await connection.write("naïve", { encoding: "latin1" });
   */
  encoding?: TextEncoding | undefined;
}

/** How to write a line. */
export interface WriteLineOptions extends WriteOptions {
  /**
   * What is sent behind the line: text, one or more characters. It is not looked for in the line, which is sent as it is: a
   * line of somebody else's must be free of it, or the peer reads more than one.
   *
   * @default "\n"
   * @example await connection.writeLine("EHLO client.example.org", { terminator: "\r\n" });
   */
  terminator?: string | undefined;
}

const ENCODED = "an encoding is { encoding }";

/** The options of a write. */
export const WRITE = schemaOf<WriteOptions>(
  { ...OPERATION.checks, encoding: oneOf("utf8", "latin1") },
  {
    ...OPERATION,
    elsewhere: { terminator: "writeLine(line) takes one" },
    insteadOfBytes: "to send several pieces give them as one list",
    insteadOfText: ENCODED,
  },
);

/** The options of `writeLine`. */
export const WRITE_LINE = schemaOf<WriteLineOptions>(
  { ...WRITE.checks, terminator: checkTerminator },
  { ...WRITE, elsewhere: {}, insteadOfText: `a terminator is { terminator }, ${ENCODED}` },
);

/** Names that `readLine` has for what ends a line: sent as they are they would be text that the peer takes for a part of it. */
const NAMES: readonly unknown[] = ["lf", "crlf", "cr", "any"];

function checkTerminator(name: string, value: unknown): void {
  checkString(name, value);
  if (value === "" || NAMES.includes(value))
    throw wrongValue(name, 'the text that ends the line, such as "\\n" or "\\r\\n"', value);
}

/** The encoding that is given, checked, or UTF-8. */
export function textEncodingOf(options: object): TextEncoding {
  const { encoding } = options as { encoding?: unknown };
  if (encoding === undefined) return "utf8";
  WRITE.checks.encoding("encoding", encoding);
  return encoding as TextEncoding;
}

/** The terminator that is given, checked, or a line feed. */
export function writtenTerminatorOf(options: unknown): string {
  checkOptions(options, WRITE_LINE);
  const { terminator = "\n" } = (options ?? {}) as { terminator?: unknown };
  checkTerminator("terminator", terminator);
  return terminator as string;
}
