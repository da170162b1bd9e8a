import { checkSignal, checkTimeout } from "./checks.js";
import { checkOptions, refuseUnknown, schemaOf, type Complete, type Names } from "./schema.js";

/** How long a call may take, and what may cancel it. Both cover the call they are given to and nothing after it. */
export interface OperationOptions {
  /** Milliseconds for the whole call; `0`: only if it can be done right now; `Infinity`: no bound. */
  timeout?: number | undefined;
  /** Cancels the call. */
  signal?: AbortSignal | undefined;
}

export const OPERATION = schemaOf<OperationOptions>(
  { timeout: checkTimeout, signal: checkSignal },
  { insteadOfNumber: "a time is { timeout }" },
);

/** The options of a read. */
export const READ = schemaOf<OperationOptions>(OPERATION.checks, {
  insteadOfBytes: "to read into memory call readInto(target)",
  insteadOfNumber: "for that many bytes call readExactly(size), a time is { timeout }",
});

/** The options of a write. */
export const WRITE = schemaOf<OperationOptions>(OPERATION.checks, {
  ...OPERATION,
  insteadOfBytes: "to send several pieces give them as one list",
});

/**
 * The options as they are at the call, checked: a getter might answer otherwise the next time. The names are looked at
 * only where neither a timeout nor a signal is given, so that calls which are made for each message pay nothing for it.
 */
export function checkedOperation(options: unknown, known: Names = OPERATION): Complete<OperationOptions> {
  checkOptions(options, known);
  const { timeout, signal } = (options ?? {}) as { timeout?: unknown; signal?: unknown };
  if (timeout !== undefined) checkTimeout("timeout", timeout);
  if (signal !== undefined) checkSignal("signal", signal);
  if (options !== undefined && timeout === undefined && signal === undefined) refuseUnknown(options, known);
  return { timeout, signal };
}
