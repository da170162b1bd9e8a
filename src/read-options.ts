import { checkLimit, checkOptions, wrongValue, type OperationOptions } from "./arguments.js";
import { isLineEncoding } from "./engine/lines.js";

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

export function checkLimitOptions(options: unknown): asserts options is LimitOptions | undefined {
  checkOptions(options);
  checkLimit((options as { limit?: unknown } | undefined)?.limit);
}

export function checkLineOptions(options: unknown): asserts options is LineOptions | undefined {
  checkLimitOptions(options);
  const encoding: unknown = (options as { encoding?: unknown } | undefined)?.encoding;
  if (encoding !== undefined && !isLineEncoding(encoding)) {
    throw wrongValue("encoding", '"utf8", "latin1" or "ascii"', encoding);
  }
}
