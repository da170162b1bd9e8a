import { isAnyArrayBuffer } from "node:util/types";
import { described } from "./described.js";
import { nearest } from "./nearest.js";

/** What an unknown name is repeated for: one that looks like a name. */
const NAME = /^[\w$.-]{1,64}$/;

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

function isSignal(value: unknown): boolean {
  const { aborted, addEventListener, removeEventListener } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof aborted === "boolean" &&
    typeof addEventListener === "function" &&
    typeof removeEventListener === "function"
  );
}

/** The names that an object of options may have, or of the parts of an endpoint. */
export interface Known {
  readonly names: readonly string[];
  /** What has such a name: `"option"` by default. */
  readonly kind?: string;
  /** The argument that has them: `"options"` by default. */
  readonly argument?: string;
  /** Where a name belongs that was looked for here. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** What to call or give instead of memory, or of a number, in place of the options. */
  readonly insteadOfBytes?: string;
  readonly insteadOfNumber?: string;
}

/** That `value` can have options: most objects can. The names are another matter: see {@link refuseUnknown}. */
export function checkOptions(value: unknown, known?: Known): asserts value is object | undefined {
  if (value === undefined || (typeof value === "object" && value !== null)) return;
  throw notOptions(value, known, typeof value === "number" ? known?.insteadOfNumber : undefined);
}

/**
 * Refuses an object that has a name which is not known, whatever its value, and one that is no object of options: memory,
 * a list, a signal. A misspelt option would be ignored in silence.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE` that names what is not known, and what was probably meant
 */
export function refuseUnknown(given: object, known: Known): void {
  const isBytes = ArrayBuffer.isView(given) || isAnyArrayBuffer(given);
  if (isBytes) throw notOptions(given, known, known.insteadOfBytes);
  if (Array.isArray(given)) throw notOptions(given, known);
  if (isSignal(given)) throw notOptions(given, known, "a signal is { signal }");
  for (const name in given) {
    if (known.names.includes(name) || isOfEveryObject(given, name)) continue;
    const shown = NAME.test(name) ? `"${name}"` : described(name);
    const message = `${shown} is no ${known.kind ?? "option"}${hintFor(name, known)}`;
    throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_VALUE" });
  }
}

/** What was probably meant by a name that is not known, or what there is. */
function hintFor(name: string, { names, elsewhere = {} }: Known): string {
  if (Object.hasOwn(elsewhere, name)) return `: ${String(elsewhere[name])}`;
  const meant = nearest(name, names);
  return meant === undefined ? `; there is ${names.join(", ")}` : `: did you mean "${meant}"?`;
}

/** Whether it is there because somebody has given it to all objects. */
function isOfEveryObject(given: object, name: string): boolean {
  return name in Object.prototype && !Object.hasOwn(given, name);
}

function notOptions(given: unknown, known: Known | undefined, instead?: string): TypeError {
  const { kind = "option", argument = "options" } = known ?? {};
  const expected = `an object of ${kind}s`;
  return wrongType(argument, instead === undefined ? expected : `${expected} (${instead})`, given);
}

/** How long a call may take, and what may cancel it. Both cover the call they are given to and nothing after it. */
export interface OperationOptions {
  /** Milliseconds for the whole call; `0`: only if it can be done right now; `Infinity`: no bound. */
  timeout?: number | undefined;
  /** Cancels the call. */
  signal?: AbortSignal | undefined;
}

export const OPERATION: Known = {
  names: ["timeout", "signal"],
  insteadOfNumber: "a time is { timeout }",
};

/**
 * The options as they are at the call, checked: a getter might answer otherwise the next time. The names are looked at
 * only where neither a timeout nor a signal is given, so that calls which are made for each message pay nothing for it.
 */
export function checkedOperation(options: unknown, known: Known = OPERATION): OperationOptions {
  checkOptions(options, known);
  const { timeout, signal } = (options ?? {}) as { timeout?: unknown; signal?: unknown };
  checkTimeout("timeout", timeout);
  checkSignal(signal);
  if (options !== undefined && timeout === undefined && signal === undefined) refuseUnknown(options, known);
  return { timeout, signal };
}
