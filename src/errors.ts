import { getSystemErrorMap, inspect } from "node:util";
import { isNativeError } from "node:util/types";
import type { NetErrorCode, LibraryCode } from "./error-codes.js";
import { errorShown, withoutUndefined } from "./inspection.js";
import { described } from "./options/described.js";
import { tlsWords } from "./tls-words.js";

/** What was being done when an error struck. `flush` counts as `write`, `closeWrite` as `close`. */
export type Operation =
  | "listen"
  | "accept"
  | "resolve"
  | "connect"
  | "tls"
  | "read"
  | "write"
  | "request"
  | "close"
  | "detach"
  | "relay";

/** Where an operation took place: the fields of its errors that say so, and the words for it in their messages. */
export interface Subject {
  /** The host as the caller gave it. */
  readonly host?: string | undefined;
  /** The literal address, or the path of a Unix socket. */
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** How messages name the place: `"localhost:80"`, `"127.0.0.1:5000 -> 127.0.0.1:80"`. */
  readonly text: string;
}

/** The fields of a {@link NetError}, for its constructor. */
export interface NetErrorFields {
  /** The code: see {@link NetError.code}. */
  code: NetErrorCode;
  /** What was being done. */
  operation: Operation;
  /** The call of the system that failed. */
  syscall?: string | undefined;
  /** The host as the caller gave it. */
  host?: string | undefined;
  /** The literal address, or the path of a Unix socket. */
  address?: string | undefined;
  /** The port that belongs to the address. */
  port?: number | undefined;
  /** The failures of which this one is made: see {@link NetError.attempts}. */
  attempts?: NetError[] | undefined;
  /** How much of the data the kernel took: see {@link NetError.written}. */
  written?: "nothing" | "partly" | undefined;
  /** What the platform, or the program, has failed with. */
  cause?: unknown;
}

/** The public fields of a {@link NetError}: {@link NetError.toJSON}. */
export interface NetErrorFacts {
  /** `"NetError"` or `"NetTimeoutError"`. */
  readonly name: string;
  /** The operation, the addresses, the reason and the code, in words. */
  readonly message: string;
  /** As {@link NetError.code}. */
  readonly code: NetErrorCode;
  /** What was being done. */
  readonly operation: Operation;
  /** The call of the system that failed. */
  readonly syscall?: string;
  /** The host as the caller gave it. */
  readonly host?: string;
  /** As {@link NetError.address}. */
  readonly address?: string;
  /** The port that belongs to the address. */
  readonly port?: number;
  /** As {@link NetError.transient}. */
  readonly transient: boolean;
  /** As {@link NetError.attempts}, each without `stack` and `cause`. */
  readonly attempts?: readonly NetErrorFacts[];
  /** How many milliseconds an attempt took. */
  readonly duration?: number;
  /** As {@link NetError.written}. */
  readonly written?: "nothing" | "partly";
  /** As {@link NetTimeoutError.timeout}: how many milliseconds the operation waited. */
  readonly timeout?: number;
}

/** The parts of a message that no public field of the error has. */
interface MessageParts {
  /** {@link Subject.text} of what the operation was about. */
  readonly place: string;
  /** Why it failed, with the code: `"connection refused (ECONNREFUSED)"`. */
  readonly reason: string;
}

/** Where an error keeps them: the errors of several attempts become one message. */
const PARTS = Symbol("message parts");

interface Composed {
  readonly [PARTS]?: MessageParts | undefined;
}

/**
 * A network operation failed: CHICKEN's condition `(exn i/o net)`.
 *
 * Its message names the operation, the addresses, the reason and the code; its stack shows the function that awaited.
 */
export class NetError extends Error {
  /** The platform's code (`"ECONNREFUSED"`, `"ENOTFOUND"`) or one of this library's (`"ERR_CLOSED"`): see docs/errors.md. */
  readonly code: NetErrorCode;
  /** What was being done when it struck. */
  readonly operation: Operation;
  /** The call of the system that failed, where one did: `"connect"`, `"getaddrinfo"`. */
  declare readonly syscall?: string;
  /** The host as the caller gave it, where there was one. */
  declare readonly host?: string;
  /** The peer's literal address (for `listen` and `accept`: our own), or the path of a Unix socket. */
  declare readonly address?: string;
  /** The port that belongs to the `address`; absent for a Unix socket. */
  declare readonly port?: number;
  /** Whether the same call, or another address, may succeed later: CHICKEN's `(exn i/o net transient)`. */
  readonly transient: boolean;
  /**
   * Of a failed `connect`: one error for each address that was tried, in the order of the attempts. Of a failed `listen` on a
   * name of several addresses: one for each that could not be listened on.
   */
  declare readonly attempts?: NetError[];
  /** Of an error in the `attempts` of a `connect`: how many milliseconds the attempt took. */
  declare duration?: number;
  /**
   * Of a failed write or request: how much of its data the kernel took. `"nothing"`: the data may be sent again safely.
   * `"partly"`: some of the data, perhaps all.
   */
  declare readonly written?: "nothing" | "partly";

  constructor(message: string, fields: NetErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.operation = fields.operation;
    this.transient = TRANSIENT.has(fields.code);
    if (fields.syscall !== undefined) this.syscall = fields.syscall;
    if (fields.host !== undefined) this.host = fields.host;
    if (fields.address !== undefined) this.address = fields.address;
    if (fields.port !== undefined) this.port = fields.port;
    if (fields.attempts !== undefined) this.attempts = fields.attempts;
    if (fields.written !== undefined) this.written = fields.written;
    const parts = (fields as Composed)[PARTS];
    if (parts !== undefined) Object.defineProperty(this, PARTS, { value: parts });
  }

  /** `"NetError"`. */
  override get name(): string {
    return "NetError";
  }

  /** The public fields, with those of the `attempts`, without `stack` and `cause`. */
  toJSON(): NetErrorFacts {
    const { name, message, code, operation, syscall, host, address, port, transient } = this;
    const { attempts, duration, written, timeout } = this as NetError & { timeout?: number };
    return withoutUndefined<NetErrorFacts>({
      ...{ name, message, code, operation, syscall, host, address, port, transient },
      attempts: attempts?.map((attempt) => attempt.toJSON()),
      ...{ duration, written, timeout },
    });
  }

  /** @internal One line for each attempt, and nothing from the inside of objects that the `cause` holds. */
  [inspect.custom](): unknown {
    return isNativeError(this) ? errorShown(this) : this;
  }
}

/**
 * Time ran out: CHICKEN's condition `(exn i/o net timeout)`.
 *
 * Either a `timeout` of the call, a captured `readTimeout` or `writeTimeout`, a signal of `AbortSignal.timeout()`
 * (then `cause` is its reason), or the operating system's own timer (then `cause` is its error and `timeout` is absent).
 */
export class NetTimeoutError extends NetError {
  /** No timeout has another code. */
  declare readonly code: "ETIMEDOUT";
  /** How many milliseconds the operation waited, where this library kept the time. */
  declare readonly timeout?: number;

  constructor(message: string, fields: Omit<NetErrorFields, "code"> & { timeout?: number | undefined }) {
    super(message, { ...fields, code: "ETIMEDOUT" });
    if (fields.timeout !== undefined) this.timeout = fields.timeout;
  }

  /** `"NetTimeoutError"`. */
  override get name(): string {
    return "NetTimeoutError";
  }
}

/** Failures that may pass: the same call, or one to another address, may succeed later. */
const TRANSIENT: ReadonlySet<NetErrorCode> = new Set<NetErrorCode>([
  "EAGAIN",
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "EMFILE",
  "ENETDOWN",
  "ENETUNREACH",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "EPIPE",
  "ESERVFAIL",
  "ETIMEDOUT",
  "ETIMEOUT",
]);

/** The codes by which Node says that a stream is closed already. From a lookup they mean something else. */
const CLOSED = new Set([
  "ABORT_ERR",
  "ERR_SOCKET_CLOSED",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ECANCELED",
]);

const REASONS: Readonly<Record<string, string>> = {
  EAI_AGAIN: "the name server did not answer",
  ENOTFOUND: "no such host",
  ERR_BUSY: "another read is waiting",
  ERR_CLOSED: "closed",
  ERR_TLS_PLAINTEXT: "bytes have arrived in the clear, before the handshake",
  ERR_TLS_TRUNCATED: "the peer ended the connection without ending TLS: what has arrived may be cut short",
};

interface PlatformError {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly errno?: unknown;
  readonly syscall?: unknown;
  readonly message?: unknown;
  /** Of a certificate that is for other names: the name that it had to be for. */
  readonly host?: unknown;
}

interface Circumstances {
  /** Why it failed, in place of the words for the code. */
  readonly reason?: string | undefined;
  readonly syscall?: string | undefined;
  readonly attempts?: NetError[] | undefined;
  readonly written?: "nothing" | "partly" | undefined;
  readonly cause?: unknown;
}

/** Translates an error of the platform. Nothing else in this library does. */
export function translated(
  operation: Operation,
  subject: Subject,
  cause: unknown,
  circumstances: Circumstances = {},
): NetError {
  const error = fieldsOf(cause);
  const platformCode = codeOf(error);
  const isClosed = operation !== "resolve" && CLOSED.has(platformCode);
  const code = isClosed ? "ERR_CLOSED" : platformCode;
  const syscall = typeof error.syscall === "string" ? error.syscall : undefined;
  const words = circumstances.reason ?? reasonOf(operation, code, error) ?? wordsOf(cause, error);
  const reason = withCode(words, code);
  const { message, fields } = composed(operation, subject, code, reason, {
    ...circumstances,
    syscall,
    cause,
  });
  return code === "ETIMEDOUT" ? new NetTimeoutError(message, fields) : new NetError(message, fields);
}

/** An error of this library's own: `ERR_CLOSED`, `ERR_BUSY`, `ERR_LIMIT`, `ERR_UNEXPECTED_EOF` and the like. */
export function refused(
  operation: Operation,
  subject: Subject,
  code: LibraryCode,
  reason: string = REASONS[code] ?? code,
  circumstances: Circumstances = {},
): NetError {
  const { message, fields } = composed(operation, subject, code, withCode(reason, code), circumstances);
  return new NetError(message, fields);
}

/** Time ran out after `timeout` milliseconds, or by a signal whose reason is `cause`. */
export function timedOut(
  operation: Operation,
  subject: Subject,
  timeout: number | undefined,
  circumstances: Circumstances = {},
): NetTimeoutError {
  const reason = timeout === undefined ? "timed out" : `timed out after ${String(timeout)} ms`;
  const code = "ETIMEDOUT";
  const { message, fields } = composed(operation, subject, code, withCode(reason, code), circumstances);
  return new NetTimeoutError(message, { ...fields, timeout });
}

/**
 * What an operation rejects with when its signal is aborted: a {@link NetTimeoutError} where the signal was a timer's,
 * the signal's own reason otherwise, as `fetch` does.
 */
export function aborted(
  operation: Operation,
  subject: Subject,
  signal: AbortSignal,
  circumstances: Circumstances = {},
): unknown {
  const reason = reasonOfAbort(signal);
  return isTimeout(reason)
    ? timedOut(operation, subject, undefined, { ...circumstances, cause: reason })
    : reason;
}

/** Whether this library kept the time, or a signal did: a kernel that gives up on its peer says the same of a dead connection. */
export function isOwnTimeout(error: unknown): boolean {
  if (!(error instanceof NetTimeoutError)) return false;
  const { timeout, cause } = error;
  return timeout !== undefined || isTimeout(cause) || isOwnTimeout(cause);
}

/** The reason of a signal that was aborted; signals of libraries that are older than `AbortSignal.reason` have none. */
export function reasonOfAbort(signal: AbortSignal): unknown {
  let reason: unknown;
  try {
    reason = signal.reason;
  } catch {
    // A getter of its own has thrown.
  }
  return reason === undefined ? new DOMException("This operation was aborted", "AbortError") : reason;
}

/** Whether a signal's reason says that it was a timer's: that of `AbortSignal.timeout()`, also through `AbortSignal.any()`. */
function isTimeout(reason: unknown): boolean {
  try {
    return typeof reason === "object" && reason !== null && (reason as Error).name === "TimeoutError";
  } catch {
    return false; // A getter of its own has thrown.
  }
}

/**
 * The error of a call that has tried several addresses: `error`, with all that was tried in its `attempts` and in its message.
 *
 * @param error - how the last attempt failed, or that time ran out; given back as it is if nothing was tried
 */
export function attemptsFailed(subject: Subject, error: NetError, attempts: NetError[]): NetError {
  if (attempts.length === 0) return error;
  const { host, text } = subject;
  const { operation, code, syscall, address, port, cause } = error;
  const tried = attempts.map(messagePartsOf);
  const faults = tried.map(({ place, reason }) => `${place}: ${reason}`).join("; ");
  const own = messagePartsOf(error).reason;
  // One attempt at the very place that the caller named has nothing to add.
  const addsNothing = tried.length === 1 && tried[0]?.place === text;
  const reason = addsNothing ? own : attempts.includes(error) ? faults : `${own}: ${faults}`;
  const where = { host, address, port, text };
  const { message, fields } = composed(operation, where, code, reason, { syscall, cause, attempts });
  return error instanceof NetTimeoutError
    ? new NetTimeoutError(message, { ...fields, timeout: error.timeout })
    : new NetError(message, fields);
}

/** The same failure for another caller: an error of its own, which says how much of that caller's data the kernel took. */
export function failureFor(error: NetError, written: "nothing" | "partly"): NetError {
  const { message, code, operation, syscall, host, address, port, cause } = error;
  const parts = (error as Composed)[PARTS];
  const fields = { code, operation, syscall, host, address, port, cause, written, [PARTS]: parts };
  return error instanceof NetTimeoutError
    ? new NetTimeoutError(message, { ...fields, timeout: error.timeout })
    : new NetError(message, fields);
}

/** The message of an error, and its fields: the only place where messages are put together. */
function composed(
  operation: Operation,
  { host, address, port, text: place }: Subject,
  code: NetErrorCode,
  reason: string,
  circumstances: Circumstances,
): { message: string; fields: NetErrorFields & Composed } {
  const fields = { ...circumstances, code, operation, host, address, port, [PARTS]: { place, reason } };
  return { message: `${operation} ${place}: ${reason}`, fields };
}

function withCode(reason: string, code: string): string {
  return `${reason} (${code})`;
}

/** The parts of a message; those of an error that this library has not made are not known. */
function messagePartsOf(error: NetError): MessageParts {
  return (error as Composed)[PARTS] ?? { place: error.operation, reason: error.message };
}

/** The fields of an error, which may be any value that a lookup or a stream of the program fails with. */
function fieldsOf(cause: unknown): PlatformError {
  if (typeof cause !== "object" || cause === null) return {};
  try {
    const { code, name, errno, syscall, message, host } = cause as PlatformError;
    return { code, name, errno, syscall, message, host };
  } catch {
    return {}; // A getter of its own has thrown.
  }
}

/** Deno's error for what the process may not do has a name and no code; Node's has this code. */
function codeOf({ code, name }: PlatformError): string {
  if (typeof code === "string") return code;
  return name === "NotCapable" ? "ERR_ACCESS_DENIED" : "ERR_UNKNOWN";
}

/** An error's own words; of anything else but text, what it is. */
function wordsOf(cause: unknown, { message }: PlatformError): string {
  if (typeof message === "string") return message;
  return typeof cause === "string" ? cause : `failed with ${described(cause)}`;
}

/** The platform's errors by number, kept since Node makes a new Map for each call. */
let systemErrors: ReadonlyMap<number, readonly [string, string]> | undefined;

function reasonOf(operation: Operation, code: string, error: PlatformError): string | undefined {
  const own = REASONS[code] ?? reasonOfTls(operation, code, error);
  if (own !== undefined) return own;
  if (typeof error.errno !== "number") return undefined;
  systemErrors ??= getSystemErrorMap();
  return systemErrors.get(error.errno)?.[1];
}

/** The code of a system call that failed. TLS has codes of its own, and `EPROTO`, whose message has OpenSSL's line. */
const OF_SYSTEM = /^E(?!PROTO$)[A-Z\d]+$/;

function reasonOfTls(operation: Operation, code: string, error: PlatformError): string | undefined {
  if (operation !== "tls" && OF_SYSTEM.test(code)) return undefined;
  try {
    return tlsWords(code, error, operation === "tls");
  } catch {
    return undefined; // The words are loaded late, which fails where no descriptor is left: the code has to do.
  }
}
