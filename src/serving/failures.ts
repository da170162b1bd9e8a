import process from "node:process";
import { isNativeError } from "node:util/types";
import { isAbortError } from "abort-controller-x";
import type { Connection } from "../connection.js";
import { described } from "../options/described.js";

/** Is told what a handler has failed with. */
export type OnError = (error: unknown, connection: Connection) => unknown;

/** The codes that a connection's own end has: of its calls, and of Node's functions over its streams. */
const CODES_OF_END: readonly unknown[] = ["ERR_CLOSED", "ERR_STREAM_PREMATURE_CLOSE"];

/** How many errors are looked at, each the cause of the one before. */
const MAX_CAUSES = 8;

/** Whether a handler has failed since its connection was reset, or since the signal of its context was aborted. */
export function isOfStop(error: unknown, signal: AbortSignal): boolean {
  let one = error;
  try {
    for (let looked = 0; looked < MAX_CAUSES && one !== undefined; looked++) {
      if (one === signal.reason || isAbortError(one)) return true;
      const { code, cause } = (one ?? {}) as { code?: unknown; cause?: unknown };
      if (CODES_OF_END.includes(code)) return true;
      one = cause;
    }
  } catch {
    // A getter of its own has thrown.
  }
  return false;
}

/** Tells of a failure: calls `onError`, or warns. That `onError` fails itself is one warning more. */
export function report(error: unknown, connection: Connection, onError: OnError | undefined): void {
  if (onError === undefined) {
    warn(error, "a handler");
    return;
  }
  try {
    const told = onError(error, connection);
    if (told !== undefined) Promise.resolve(told).catch((failure: unknown) => warn(failure, "onError"));
  } catch (failure) {
    warn(failure, "onError");
  }
}

/** @param who - has failed with the error */
function warn(error: unknown, who: string): void {
  try {
    if (error instanceof Error) readAll(error);
    process.emitWarning(error as Error);
  } catch {
    // Node takes text and its own errors alone: none of another realm, and nothing else that was thrown.
    const { message, ...options } = partsOf(error, who);
    process.emitWarning(message, options);
  }
}

/** Throws what Node would throw when it prints the warning, in a later turn, where that would be uncaught. */
function readAll(error: Error): void {
  const { name, message, stack, code, detail } = error as Error & { code?: unknown; detail?: unknown };
  // It makes text of them, and of a symbol there is none.
  [error, name, message, stack, code, detail].join();
}

function partsOf(
  error: unknown,
  who: string,
): { message: string; type?: string; detail?: string; code?: string } {
  const message = `${who} has failed with ${described(error)}`;
  if (!isNativeError(error)) return { message };
  try {
    readAll(error);
    const { message: text, name, stack = "", code } = error as Error & { code?: unknown };
    return { message: text, type: name, detail: stack, ...(typeof code === "string" ? { code } : {}) };
  } catch {
    return { message }; // A getter of its own has thrown.
  }
}
