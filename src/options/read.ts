import { checkBoolean, checkLimit, oneOf } from "./checks.js";
import { checkedOperation, READ } from "./operation.js";
import { checkOptions, refuseUnknown, schemaOf } from "./schema.js";
import type { LineTerminator } from "../core/reading/lines.js";
import type { OperationOptions } from "./operation.js";
import type { Names } from "./schema.js";

/** Most bytes of a line, or of what comes before a delimiter, by default. */
export const LINE_LIMIT = 64 * 1024;
/** Most bytes of a `readAll` by default. */
export const ALL_LIMIT = 16 * 1024 * 1024;

/** How to read what has a limit. */
export interface LimitOptions extends OperationOptions {
  /**
   * Most bytes that the result may have, its terminator not counted. The bytes stay unread if there are more. `Infinity`:
   * as many as a `Buffer` can have (`buffer.constants.MAX_LENGTH`), or a string (`MAX_STRING_LENGTH`) for lines. `0`: only
   * an empty result.
   *
   * @default 64 KiB; of `readAll` 16 MiB
   * @example await connection.readLine({ limit: 1_024 });
   */
  limit?: number | undefined;
}

/** How to read lines. */
export interface LineOptions extends LimitOptions {
  /**
   * How the bytes of a line become a string: `"utf8"`, `"latin1"` or `"ascii"`.
   *
   * @default "utf8"
   * @example await connection.readLine({ encoding: "latin1" });
   */
  encoding?: BufferEncoding | undefined;
  /**
   * What ends a line:
   *
   * - `"lf"`: `\n`. A `\r` before it is no part of the line. The last line may lack its terminator.
   * - `"crlf"`: `\r\n` and nothing else, for protocols where programs on the way must see the same lines as this one. A `\n`
   *   or a `\r` that stands alone is refused (`ERR_INVALID_LINE`): one of them within a line is how requests and mails are
   *   smuggled past a proxy. A last line without its terminator is not a line (`ERR_UNEXPECTED_EOF`).
   * - `"cr"`: `\r`, as barcode scanners and serial devices send it. A `\n` is a byte of the line as any other. The last line
   *   may lack its terminator.
   * - `"any"`: each of `\n`, `\r` and `\r\n`, as editors have it. A line that ends with `\r` is given at once. If `\n` is
   *   the next byte that arrives, it belongs to that `\r`, and is dropped before any read gets it, lines or not. The last line
   *   may lack its terminator.
   *
   * @default "lf"
   * @example for await (const code of scanner.lines({ terminator: "cr" })) console.log(code);
   */
  terminator?: LineTerminator | undefined;
}

/** How a loop over lines, records or messages yields them. */
export interface BatchOptions {
  /**
   * Whether the loop yields lists: all that has arrived, never none of it. That costs less than to await each line, record or
   * message. A list ends once it has 64 KiB, and before what the loop fails with, which the next pull does.
   *
   * @default false
   * @example for await (const batch of connection.lines({ batch: true })) for (const line of batch) handle(line);
   */
  batch?: boolean | undefined;
}

/** How to loop over records. */
export interface SplitOptions extends LimitOptions {
  /**
   * Whether the stream may end without a delimiter: what is left then is the last record, unless it is empty. Otherwise that
   * is `ERR_UNEXPECTED_EOF`.
   *
   * @default false
   * @example for await (const record of connection.split("\0", { last: true })) console.log(record);
   */
  last?: boolean | undefined;
}

/** How to loop over chunks. */
export interface ChunksOptions extends OperationOptions {
  /**
   * Whether chunks are views that are valid only until the next pull, over memory that is used again: the loop allocates
   * nothing for each chunk. While its peer keeps it full, such a loop holds up to 512 KiB; it gives them up when it ends,
   * or after several small chunks.
   *
   * @default false
   * @example for await (const chunk of connection.chunks({ recycle: true })) hash.update(chunk);
   */
  recycle?: boolean | undefined;
}

/** The options of a read that has a limit. */
export const LIMITED = schemaOf<LimitOptions>(
  { ...READ.checks, limit: checkLimit },
  { ...READ, insteadOfNumber: "a limit is { limit }, a time is { timeout }" },
);

/** The options of a loop over records. */
export const SPLIT = schemaOf<SplitOptions & BatchOptions>(
  { ...LIMITED.checks, last: checkBoolean, batch: checkBoolean },
  LIMITED,
);

/** The options of a read that decodes lines. */
export const LINE = schemaOf<LineOptions>(
  {
    ...LIMITED.checks,
    encoding: oneOf("utf8", "latin1", "ascii"),
    terminator: oneOf("lf", "crlf", "cr", "any"),
  },
  {
    ...LIMITED,
    elsewhere: { delimiter: "readUntil(delimiter) takes one" },
    insteadOfText: "an encoding is { encoding }",
  },
);

/** The options of a loop over lines. */
export const LINES = schemaOf<LineOptions & BatchOptions>({ ...LINE.checks, batch: checkBoolean }, LINE);

/** The options of a loop over chunks. */
export const CHUNKS = schemaOf<ChunksOptions>({ ...READ.checks, recycle: checkBoolean }, READ);

/** The caller's `limit`, checked, or `otherwise` if there is none. */
export function limitOf(options: unknown, known: Names, otherwise: number): number {
  if (options === undefined) return otherwise;
  checkOptions(options, known);
  const { limit = otherwise } = options as { limit?: unknown };
  checkLimit("limit", limit);
  return limit;
}

/** The encoding that is given, checked, or UTF-8. */
export function encodingOf(options: unknown): BufferEncoding {
  if (options === undefined) return "utf8";
  const { encoding = "utf8" } = options as { encoding?: unknown };
  LINE.checks.encoding("encoding", encoding);
  return encoding as BufferEncoding;
}

/** The terminator that is given, checked, or a line feed. */
export function terminatorOf(options: unknown): LineTerminator {
  if (options === undefined) return "lf";
  const { terminator = "lf" } = options as { terminator?: unknown };
  LINE.checks.terminator("terminator", terminator);
  return terminator as LineTerminator;
}

/** Whether the loop yields batches, checked. */
export function batchOf(options: { readonly batch?: unknown } | undefined): boolean {
  const { batch = false } = options ?? {};
  checkBoolean("batch", batch);
  return batch;
}

/** The options of a loop that bound each of its pulls. Unknown names are always refused here: a loop is made once. */
export function pullsOf(options: unknown, known: Names): OperationOptions | undefined {
  if (options === undefined) return undefined;
  const pulls = checkedOperation(options, known);
  refuseUnknown(options as object, known);
  return pulls;
}
