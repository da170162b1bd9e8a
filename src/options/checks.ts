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

/** A `TypeError` for `new` where only this library makes objects: code `ERR_ILLEGAL_CONSTRUCTOR`. */
export function illegalConstructor(name: string, makers: string): TypeError {
  return Object.assign(new TypeError(`a ${name} cannot be constructed; it comes from ${makers}`), {
    code: "ERR_ILLEGAL_CONSTRUCTOR",
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
  if (value !== undefined && !isSignal(value)) throw wrongType("signal", "an AbortSignal", value);
}

export function isSignal(value: unknown): boolean {
  const { aborted, addEventListener, removeEventListener } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof aborted === "boolean" &&
    typeof addEventListener === "function" &&
    typeof removeEventListener === "function"
  );
}
