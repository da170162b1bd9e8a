import { checkLimit, wrongValue } from "./checks.js";
import { checkedOperation, READ } from "./operation.js";
import { checkOptions, refuseUnknown } from "./schema.js";
import type { OperationOptions } from "./operation.js";
import type { Known } from "./schema.js";
import { isLineEncoding } from "../core/reading/lines.js";

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

const INSTEAD_OF_NUMBER = "a limit is { limit }, a time is { timeout }";

export const LIMITED: Known = {
  ...READ,
  names: [...READ.names, "limit"],
  insteadOfNumber: INSTEAD_OF_NUMBER,
};
export const LINE: Known = { ...LIMITED, names: [...LIMITED.names, "encoding"] };
export const CHUNKS: Known = { ...READ, names: [...READ.names, "recycle"] };

/** The limit that is given, checked, or the one that holds otherwise. */
export function limitOf(options: unknown, known: Known, otherwise: number): number {
  if (options === undefined) return otherwise;
  checkOptions(options, known);
  const { limit = otherwise } = options as { limit?: unknown };
  checkLimit(limit);
  return limit as number;
}

/** The encoding that is given, checked, or UTF-8. */
export function encodingOf(options: unknown): BufferEncoding {
  if (options === undefined) return "utf8";
  const { encoding = "utf8" } = options as { encoding?: unknown };
  if (!isLineEncoding(encoding)) throw wrongValue("encoding", '"utf8", "latin1" or "ascii"', encoding);
  return encoding;
}

/** The part of a loop's options that bounds its pulls. The names of all are looked at: a loop is made once. */
export function pullsOf(options: unknown, known: Known): OperationOptions | undefined {
  if (options === undefined) return undefined;
  const pulls = checkedOperation(options, known);
  refuseUnknown(options as object, known);
  return pulls;
}
