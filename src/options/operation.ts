import { checkSignal, checkTimeout } from "./checks.js";
import { checkOptions, refuseUnknown, schemaOf, type Complete, type Names } from "./schema.js";

/** How long a call may take, and what may cancel it. Both cover the call that they are given to, and nothing after it. */
export interface OperationOptions {
  /**
   * Most milliseconds for the whole call. `0`: the call succeeds only if it can be done right now. `Infinity`: no bound.
   *
   * Without it, what bounds the call is a setting of the connection (`readTimeout`, `writeTimeout`) or a parameter.
   *
   * @example await connection.readLine({ timeout: 5_000 });
   */
  timeout?: number | undefined;
  /**
   * Cancels the call when it is aborted. The call rejects with the signal's reason; of a signal of `AbortSignal.timeout()`
   * with a `NetTimeoutError`. One signal can serve any number of calls.
   *
   * @example await connection.readLine({ signal: AbortSignal.timeout(5_000) });
   */
  signal?: AbortSignal | undefined;
}

/** The options of most calls. */
export const OPERATION = schemaOf<OperationOptions>(
  { timeout: checkTimeout, signal: checkSignal },
  { insteadOfNumber: "a time is { timeout }" },
);

const NOT_DECODED = "to decode bytes call toString() on the result";
const AS_UTF8 = "text is sent as UTF-8, Buffer.from(text, encoding) makes other bytes";

/** The options of a read. */
export const READ = schemaOf<OperationOptions>(OPERATION.checks, {
  elsewhere: {
    encoding: NOT_DECODED,
    size: "for that many bytes call readExactly(size)",
  },
  insteadOfBytes: "to read into memory call readInto(target)",
  insteadOfNumber: "for that many bytes call readExactly(size), a time is { timeout }",
  insteadOfText: NOT_DECODED,
});

/** The options of sending a message. */
export const SEND = schemaOf<OperationOptions>(OPERATION.checks, {
  ...OPERATION,
  elsewhere: { encoding: AS_UTF8 },
  insteadOfBytes: "to send several pieces give them as one list",
  insteadOfText: AS_UTF8,
});

/**
 * The options as they are at the call, checked: a getter might answer otherwise the next time. Unknown names are searched
 * for only where neither a timeout nor a signal is given: a program that makes a call for each message should not pay for
 * the search each time.
 */
export function checkedOperation(options: unknown, known: Names = OPERATION): Complete<OperationOptions> {
  checkOptions(options, known);
  const { timeout, signal } = (options ?? {}) as { timeout?: unknown; signal?: unknown };
  if (timeout !== undefined) checkTimeout("timeout", timeout);
  if (signal !== undefined) checkSignal("signal", signal);
  if (options !== undefined && timeout === undefined && signal === undefined) refuseUnknown(options, known);
  return { timeout, signal };
}
