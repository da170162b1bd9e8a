import { Refusal } from "../../core/reading/reads.js";

/**
 * The error that `decode` of a codec of this library throws for bytes that are no message: code `ERR_INVALID_MESSAGE`.
 *
 * @param reason - what is wrong; it may name sizes, and never has bytes in it that were received
 */
export function invalidMessage(reason: string): Error {
  return Object.assign(new Error(reason), { code: "ERR_INVALID_MESSAGE" });
}

/** The same where it is not thrown: the read fails with its words, and has it for a cause. */
export function refusalOf(error: Error): Refusal {
  return new Refusal("ERR_INVALID_MESSAGE", error.message, error);
}
