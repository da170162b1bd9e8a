import type { SecureContextOptions } from "node:tls";
import { isNativeError } from "node:util/types";
import { NetError, refused, translated, type Subject } from "../errors.js";

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
export function tlsOptionsFailed(cause: unknown, subject: Subject, options: SecureContextOptions): Error {
  const { code } = (cause ?? {}) as { code?: unknown };
  if (!isNativeError(cause) || (typeof code === "string" && !WRONG_ARGUMENTS.has(code))) {
    return tlsFailed(cause, subject);
  }
  if (typeof code !== "string")
    return refused("tls", subject, "ERR_UNKNOWN", reasonWithoutCode(options), { cause });
  const WrongArgument = code === "ERR_OUT_OF_RANGE" ? RangeError : TypeError;
  const message = cause.message.replace(/[.\s]*\bReceived\b.*$/s, "");
  // Without the cause, which console.log prints with the error.
  return Object.assign(new WrongArgument(message), { code });
}

/** What OpenSSL most likely did not take, where its error has no code: few options fail so. */
function reasonWithoutCode({ pfx, sigalgs }: SecureContextOptions): string {
  if (pfx !== undefined)
    return "the archive cannot be read, or its passphrase is wrong: see tls: { pfx, passphrase }";
  return sigalgs === undefined
    ? "an option cannot be used: see the cause"
    : "no kind of signature of these names is known: see tls: { sigalgs }";
}

/** What a handshake fails with when the stream ends or closes before it is done. */
export function endedInHandshake(): Error {
  const message = "the peer ended the connection during the handshake";
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}
