import type { Duplex } from "node:stream";
import { NetError } from "../../src/index.js";

/** Waits for a failure with one of these codes, or names, and throws anything else. */
export async function rejects(promise: Promise<unknown>, ...codes: readonly string[]): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof NetError && codes.includes(error.code)) return error;
  if (error instanceof Error && codes.includes(error.name)) return error;
  throw new Error(`${codes.join(" or ")} was expected`, { cause: error });
}

/** Waits until the stream has closed; `once` would reject with an error of the stream's. */
export async function closed(stream: Duplex): Promise<void> {
  if (!stream.closed) await new Promise((resolve) => stream.once("close", resolve));
}
