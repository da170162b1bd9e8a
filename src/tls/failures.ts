import { isNativeError } from "node:util/types";
import { NetError, translated, type Subject } from "../errors.js";

/** The error of a handshake. */
export function tlsFailed(cause: unknown, subject: Subject): NetError {
  return cause instanceof NetError ? cause : translated("tls", subject, cause);
}

/** The codes by which Node says that an argument is wrong. */
const WRONG_ARGUMENTS = new Set(["ERR_INVALID_ARG_TYPE", "ERR_INVALID_ARG_VALUE", "ERR_OUT_OF_RANGE"]);

/**
 * The error of options that Node or OpenSSL does not take: a `NetError`, or a `TypeError` or a `RangeError` for a wrong
 * argument, without what was received. That may be a passphrase.
 */
export function tlsOptionsFailed(cause: unknown, subject: Subject): Error {
  const { code } = (cause ?? {}) as { code?: unknown };
  if (!isNativeError(cause) || typeof code !== "string" || !WRONG_ARGUMENTS.has(code)) {
    return tlsFailed(cause, subject);
  }
  const WrongArgument = code === "ERR_OUT_OF_RANGE" ? RangeError : TypeError;
  const message = cause.message.replace(/[.\s]*\bReceived\b.*$/s, "");
  return Object.assign(new WrongArgument(message, { cause }), { code });
}
