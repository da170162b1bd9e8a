import type { BlockList } from "node:net";
import type { URL } from "node:url";
import { isPromise } from "node:util/types";
import { classNameOf, described } from "./described.js";

/** Returns if the value is right, throws otherwise. `undefined` is wrong: an option that was not given is not checked. */
export type Check = (name: string, value: unknown) => void;

/** A `TypeError` as Node makes them: code `ERR_INVALID_ARG_TYPE`, and the message names the type of the value. */
export function wrongType(name: string, expected: string, received: unknown, hint?: string): TypeError {
  return coded(new TypeError(mustBe(name, expected, received, hint)), "ERR_INVALID_ARG_TYPE");
}

/** As {@link wrongType}, for what must be an object of this library's class `className`: another class may have that name, too. */
export function notOurs(className: string, name: string, expected: string, received: unknown): TypeError {
  const hasItsName = typeof received === "object" && received !== null && classNameOf(received) === className;
  const hint = hasItsName
    ? ", of another copy of this library (npm ls tcp6), or of another library"
    : undefined;
  return wrongType(name, expected, received, hint);
}

/** A `TypeError` for a value of the right type that makes no sense: code `ERR_INVALID_ARG_VALUE`. */
export function wrongValue(name: string, expected: string, received: unknown): TypeError {
  return coded(new TypeError(mustBe(name, expected, received)), "ERR_INVALID_ARG_VALUE");
}

/** A `TypeError` for an argument that must be a connection of this library's. */
export function notConnection(name: string, received: unknown): TypeError {
  return notOurs("Connection", name, "a Connection (Connection.from makes one of a socket)", received);
}

/** A `RangeError` as Node makes them: code `ERR_OUT_OF_RANGE`. */
export function outOfRange(
  name: string,
  expected: string,
  received: unknown,
  code = "ERR_OUT_OF_RANGE",
): RangeError {
  return coded(new RangeError(mustBe(name, expected, received)), code);
}

/** A `TypeError` for a name that an object must not have: code `ERR_INVALID_ARG_VALUE`. */
export function unknownName(shown: string, kind: string, hint: string): TypeError {
  return coded(new TypeError(`${shown} is no ${kind}${hint}`), "ERR_INVALID_ARG_VALUE");
}

/** A `TypeError` for `new` where only this library makes objects: code `ERR_ILLEGAL_CONSTRUCTOR`. */
export function illegalConstructor(name: string, makers: string): TypeError {
  const message = `a ${name} cannot be constructed; it comes from ${makers}`;
  return coded(new TypeError(message), "ERR_ILLEGAL_CONSTRUCTOR");
}

/** A `TypeError` for an option that this runtime cannot honour: code `ERR_FEATURE_UNAVAILABLE_ON_PLATFORM`, as Node has it. */
export function unavailable(name: string, reason: string): TypeError {
  return coded(new TypeError(`"${name}" is not available: ${reason}`), "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM");
}

function mustBe(
  name: string,
  expected: string,
  received: unknown,
  hint = isPromise(received) ? ": is an await missing?" : "",
): string {
  return `"${name}" must be ${expected}; received ${described(received)}${hint}`;
}

function coded<E extends Error>(error: E, code: string): E {
  return Object.assign(error, { code });
}

/** Milliseconds: 0 or more, `Infinity` included. */
export function checkTimeout(name: string, value: unknown): asserts value is number {
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

/** A whole number from `least`, which may be negative, up to `most`. */
export function checkInteger(
  name: string,
  value: unknown,
  least: number,
  most: number,
): asserts value is number {
  if (typeof value !== "number") throw wrongType(name, "a whole number", value);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw outOfRange(name, `a whole number from ${String(least)} to ${String(most)}`, value);
  }
}

/** A limit, in bytes or of a count: a whole number, 0 or more, or `Infinity`. */
export function checkLimit(name: string, value: unknown): asserts value is number {
  if (value !== Infinity) checkSize(name, value);
}

/** A whole number, 1 or more, or `Infinity`: where 0 would let nothing go on. */
export function checkRoom(name: string, value: unknown): void {
  const isRoom = value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 1);
  if (typeof value === "number" && !isRoom) throw outOfRange(name, "a whole number, 1 or more", value);
  checkLimit(name, value);
}

/** A `net.BlockList`, of whatever realm. */
export function checkBlockList(name: string, value: unknown): asserts value is BlockList {
  const { check } = (value ?? {}) as Partial<BlockList>;
  if (typeof check !== "function") throw wrongType(name, "a net.BlockList", value);
}

export function checkBoolean(name: string, value: unknown): asserts value is boolean {
  if (typeof value !== "boolean") throw wrongType(name, "a boolean", value);
}

export function checkString(name: string, value: unknown): asserts value is string {
  if (typeof value !== "string") throw wrongType(name, "a string", value);
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== "function") throw wrongType(name, "a function", value);
}

/** Anything that behaves like an `AbortSignal`, of whatever realm. */
export function checkSignal(name: string, value: unknown): asserts value is AbortSignal {
  if (isSignal(value)) return;
  const isController =
    typeof value === "object" && value !== null && classNameOf(value) === "AbortController";
  throw wrongType(
    name,
    isController ? "an AbortSignal, such as the controller's signal" : "an AbortSignal",
    value,
  );
}

/** What has been found to be a signal: a program that gives one to each read should not pay for the search each time. */
const knownSignals = new WeakSet();

export function isSignal(value: unknown): boolean {
  if (knownSignals.has(value as object)) return true;
  const isOne = hasMethodsOfSignal(value);
  if (isOne) knownSignals.add(value as object);
  return isOne;
}

function hasMethodsOfSignal(value: unknown): boolean {
  try {
    const { aborted, addEventListener, removeEventListener } = (value ?? {}) as Record<string, unknown>;
    return (
      typeof aborted === "boolean" &&
      typeof addEventListener === "function" &&
      typeof removeEventListener === "function"
    );
  } catch {
    return false; // A getter of its own has thrown.
  }
}

/** A `URL` of whatever realm. Its `host` has the port in it, and its `port` may be empty. */
export function isUrl(value: unknown): value is URL {
  return typeof value === "object" && Object.prototype.toString.call(value) === "[object URL]";
}

/** One of these values, and no other. */
export function oneOf(...values: readonly (string | number)[]): Check {
  const shown = values.map((value) => JSON.stringify(value));
  const expected = `${shown.slice(0, -1).join(", ")} or ${String(shown.at(-1))}`;
  return (name, value) => {
    if (!values.includes(value as string | number)) throw wrongValue(name, expected, value);
  };
}
