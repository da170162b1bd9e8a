import { checkSignal, checkTimeout } from "./checks.js";
import { checkOptions, refuseUnknown, type Known } from "./schema.js";

/** How long a call may take, and what may cancel it. Both cover the call they are given to and nothing after it. */
export interface OperationOptions {
  /** Milliseconds for the whole call; `0`: only if it can be done right now; `Infinity`: no bound. */
  timeout?: number | undefined;
  /** Cancels the call. */
  signal?: AbortSignal | undefined;
}

export const OPERATION: Known = {
  names: ["timeout", "signal"],
  insteadOfNumber: "a time is { timeout }",
};

/** The options of a read, and what was meant by one who gives something else for them. */
export const READ: Known = {
  ...OPERATION,
  insteadOfBytes: "to read into memory call readInto(target)",
  insteadOfNumber: "for that many bytes call readExactly(size), a time is { timeout }",
};

/** The options of a write, and what was meant by one who gives something else for them. */
export const WRITE: Known = { ...OPERATION, insteadOfBytes: "to send several pieces give them as one list" };

/**
 * The options as they are at the call, checked: a getter might answer otherwise the next time. The names are looked at
 * only where neither a timeout nor a signal is given, so that calls which are made for each message pay nothing for it.
 */
export function checkedOperation(options: unknown, known: Known = OPERATION): OperationOptions {
  checkOptions(options, known);
  const { timeout, signal } = (options ?? {}) as { timeout?: unknown; signal?: unknown };
  checkTimeout("timeout", timeout);
  checkSignal(signal);
  if (options !== undefined && timeout === undefined && signal === undefined) refuseUnknown(options, known);
  return { timeout, signal };
}
