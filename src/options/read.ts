import { checkBoolean, checkLimit, oneOf } from "./checks.js";
import { checkedOperation, READ } from "./operation.js";
import { checkOptions, refuseUnknown, schemaOf } from "./schema.js";
import type { OperationOptions } from "./operation.js";
import type { Names } from "./schema.js";

/** Most bytes of a line, or of what comes before a delimiter, by default. */
export const LINE_LIMIT = 64 * 1024;
/** Most bytes of a `readAll` by default. */
export const ALL_LIMIT = 16 * 1024 * 1024;

export interface LimitOptions extends OperationOptions {
  /**
   * Most bytes, terminator not counted; 64 KiB by default (16 MiB for `readAll`). `Infinity`: as many as one result can
   * have, a `Buffer` (`buffer.constants.MAX_LENGTH`) or, for lines, a string (`MAX_STRING_LENGTH`, 512 MiB).
   */
  limit?: number | undefined;
}

export interface LineOptions extends LimitOptions {
  /** `"utf8"`, the default, `"latin1"` or `"ascii"`. */
  encoding?: BufferEncoding | undefined;
}

export interface ChunksOptions extends OperationOptions {
  /**
   * Yields views that are valid only until the next pull, over memory that is used again: no allocation per chunk. A loop
   * that its peer keeps full holds up to 512 KiB, until it ends or a row of small chunks comes.
   */
  recycle?: boolean | undefined;
}

/** The options of a read that has a limit. */
export const LIMITED = schemaOf<LimitOptions>(
  { ...READ.checks, limit: checkLimit },
  { ...READ, insteadOfNumber: "a limit is { limit }, a time is { timeout }" },
);

/** The options of a read that decodes lines. */
export const LINE = schemaOf<LineOptions>(
  { ...LIMITED.checks, encoding: oneOf("utf8", "latin1", "ascii") },
  LIMITED,
);

/** The options of a loop over chunks. */
export const CHUNKS = schemaOf<ChunksOptions>({ ...READ.checks, recycle: checkBoolean }, READ);

/** The limit that is given, checked, or the one that holds otherwise. */
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

/** The part of a loop's options that bounds its pulls. The names of all are looked at: a loop is made once. */
export function pullsOf(options: unknown, known: Names): OperationOptions | undefined {
  if (options === undefined) return undefined;
  const pulls = checkedOperation(options, known);
  refuseUnknown(options as object, known);
  return pulls;
}
