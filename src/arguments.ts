import { described } from "./described.js";

/** A `TypeError` as Node makes them: code `ERR_INVALID_ARG_TYPE`, and the message says of what type the value was. */
export function wrongType(name: string, expected: string, received: unknown): TypeError {
  return Object.assign(new TypeError(`"${name}" must be ${expected}; received ${described(received)}`), {
    code: "ERR_INVALID_ARG_TYPE",
  });
}

/** A `TypeError` for a value of the right type that makes no sense: code `ERR_INVALID_ARG_VALUE`. */
export function wrongValue(name: string, expected: string, received: unknown): TypeError {
  return Object.assign(new TypeError(`"${name}" must be ${expected}; received ${described(received)}`), {
    code: "ERR_INVALID_ARG_VALUE",
  });
}

/** A `RangeError` as Node makes them: code `ERR_OUT_OF_RANGE`. */
export function outOfRange(
  name: string,
  expected: string,
  received: unknown,
  code = "ERR_OUT_OF_RANGE",
): RangeError {
  return Object.assign(new RangeError(`"${name}" must be ${expected}; received ${described(received)}`), {
    code,
  });
}

/** Milliseconds: 0 or more, `Infinity` included. */
export function checkTimeout(name: string, value: unknown): asserts value is number | undefined {
  if (value === undefined) return;
  if (typeof value !== "number") throw wrongType(name, "a number of milliseconds", value);
  if (!(value >= 0)) throw outOfRange(name, "0 or more milliseconds", value);
}

/** A whole number from 0 up to `most`. */
export function checkSize(
  name: string,
  value: unknown,
  most = Number.MAX_SAFE_INTEGER,
): asserts value is number {
  if (typeof value !== "number") throw wrongType(name, "a whole number", value);
  if (!Number.isInteger(value) || value < 0 || value > most) {
    const range =
      most === Number.MAX_SAFE_INTEGER
        ? "a whole number, 0 or more"
        : `a whole number from 0 to ${String(most)}`;
    throw outOfRange(name, range, value);
  }
}

/** A limit in bytes: a whole number, 0 or more, or `Infinity`. */
export function checkLimit(value: unknown): asserts value is number | undefined {
  if (value !== undefined && value !== Infinity) checkSize("limit", value);
}

export function checkBoolean(name: string, value: unknown): asserts value is boolean | undefined {
  if (value !== undefined && typeof value !== "boolean") throw wrongType(name, "a boolean", value);
}

/** Anything that behaves like an `AbortSignal`, of whatever realm. */
export function checkSignal(value: unknown): asserts value is AbortSignal | undefined {
  if (value === undefined) return;
  const { aborted, addEventListener, removeEventListener } = (value ?? {}) as Record<string, unknown>;
  const isSignal =
    typeof aborted === "boolean" &&
    typeof addEventListener === "function" &&
    typeof removeEventListener === "function";
  if (!isSignal) throw wrongType("signal", "an AbortSignal", value);
}

export function checkOptions(value: unknown): asserts value is object | undefined {
  if (value !== undefined && (typeof value !== "object" || value === null))
    throw wrongType("options", "an object", value);
}

/** How long a call may take, and what may cancel it. Both cover the call they are given to and nothing after it. */
export interface OperationOptions {
  /** Milliseconds for the whole call; `0`: only if it can be done right now; `Infinity`: no bound. */
  timeout?: number | undefined;
  /** Cancels the call. */
  signal?: AbortSignal | undefined;
}

/** The options as they are at the call, checked: a getter might answer otherwise the next time. */
export function checkedOperation(options: unknown): OperationOptions {
  checkOptions(options);
  const { timeout, signal } = (options ?? {}) as { timeout?: unknown; signal?: unknown };
  checkTimeout("timeout", timeout);
  checkSignal(signal);
  return { timeout, signal };
}

export function checkOperation(options: unknown): asserts options is OperationOptions | undefined {
  if (options === undefined) return;
  checkOptions(options);
  const { timeout, signal } = options as { timeout?: unknown; signal?: unknown };
  checkTimeout("timeout", timeout);
  checkSignal(signal);
}
