import { isNativeError } from "node:util/types";
import { NetError, translated, type Subject } from "../errors.js";

/** The codes by which Node says that an argument is wrong: such an error is passed on as it is. */
const WRONG_ARGUMENTS = new Set(["ERR_INVALID_ARG_TYPE", "ERR_INVALID_ARG_VALUE", "ERR_OUT_OF_RANGE"]);

/** The error of a handshake, or of its options. */
export function tlsFailed(cause: unknown, subject: Subject): Error {
  if (cause instanceof NetError) return cause;
  const { code } = (cause ?? {}) as { code?: unknown };
  if (isNativeError(cause) && typeof code === "string" && WRONG_ARGUMENTS.has(code)) return cause;
  return translated("tls", subject, cause);
}
