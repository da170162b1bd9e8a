import type { InspectOptionsStylized } from "node:util";
import { isNativeError, isProxy } from "node:util/types";
import { described } from "./options/described.js";

/** What `util.inspect` calls an object's own inspection with. */
export type Style = Pick<InspectOptionsStylized, "stylize">;

/** What is shown of an object, by name. A field that is `undefined` is left out. */
export type Shown = Readonly<Record<string, string | number | undefined>>;

/**
 * One line for a log: `Listener 127.0.0.1:80 { state: 'open', pending: 0 }`.
 *
 * @param depth - how many levels of nested objects `util.inspect` may still show; below 0 only the kind is shown
 */
export function lineOf(kind: string, place: string, shown: Shown, depth: number, style: Style): string {
  if (depth < 0) return style.stylize(`[${kind}]`, "special");
  const fields = Object.entries(shown).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const text =
      typeof value === "number"
        ? style.stylize(String(value), "number")
        : style.stylize(`'${value}'`, "string");
    return [`${name}: ${text}`];
  });
  return `${kind} ${place} { ${fields.join(", ")} }`;
}

/** An object without the fields that are `undefined`. */
export function withoutUndefined<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

/** What {@link errorShown} has made: inspected as any other error, though its class has an inspection of its own. */
const copies = new WeakSet<Error>();

/**
 * What `util.inspect` shows in place of an error of this library: the same stack and fields, with one line for each of its
 * `attempts`, and a `cause` in which no object is shown from the inside.
 */
export function errorShown(error: Error): Error {
  return copies.has(error) ? error : copyOf(error, (value) => value, new Set());
}

/** An error that is inspected as `error` is. Its own fields are given by `show`; its attempts and causes are shortened. */
function copyOf(error: Error, show: (value: unknown) => unknown, seen: Set<unknown>): Error {
  seen.add(error);
  const { name, message, stack } = error;
  const copy = new Error(message);
  copies.add(copy);
  Object.setPrototypeOf(copy, Object.getPrototypeOf(error) as object);
  hide(copy, "name", name);
  hide(copy, "stack", stack);
  for (const [field, { value, enumerable }] of Object.entries(Object.getOwnPropertyDescriptors(error))) {
    if (field === "cause" && !seen.has(value)) hide(copy, field, causeShown(value, seen));
    else if (field === "errors" && Array.isArray(value)) {
      hide(
        copy,
        field,
        value.filter((one) => !seen.has(one)).map((one) => causeShown(one, seen)),
      );
    } else if (field === "attempts" && Array.isArray(value)) {
      Object.assign(copy, { [field]: value.map(attemptShown) });
    } else if (enumerable === true && !OWN_PARTS.has(field)) {
      Object.assign(copy, { [field]: show(value) });
    }
  }
  seen.delete(error);
  return copy;
}

/** The fields of every error that {@link copyOf} gives itself. */
const OWN_PARTS = new Set(["name", "message", "stack", "cause"]);

/** Puts a field into an error that is inspected only as far as errors always show it. */
function hide(error: Error, name: string, value: unknown): void {
  Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable: false });
}

/** An error as it is if it holds no objects, otherwise what {@link copyOf} makes of it. Any other object is described. */
function causeShown(cause: unknown, seen: Set<unknown>): unknown {
  if (!isError(cause)) return scalarOf(cause);
  try {
    return holdsObjects(cause) ? copyOf(cause, scalarOf, seen) : cause;
  } catch {
    return described(cause); // A getter of its own has thrown.
  }
}

/** One line for the error of an attempt. */
function attemptShown(attempt: unknown): string {
  if (!isError(attempt)) return described(attempt);
  const { message, duration } = attempt as Error & { duration?: unknown };
  return typeof duration === "number" ? `${message}, ${duration.toFixed()} ms` : message;
}

/** Text and numbers as they are; of an object, what it is. */
function scalarOf(value: unknown): unknown {
  return (typeof value === "object" && value !== null) || typeof value === "function"
    ? described(value)
    : value;
}

/** Whether `util.inspect` shows it as an error: those of Node's `DOMException` are no native errors on all releases. */
function isError(value: unknown): value is Error {
  if (typeof value !== "object" || value === null || isProxy(value)) return false;
  return isNativeError(value) || Object.prototype.toString.call(value) === "[object DOMException]";
}

/** Whether an error has a field of its own, other than its stack, with an object in it. Getters may return one. */
function holdsObjects(error: Error): boolean {
  return Reflect.ownKeys(error).some((key) => {
    if (key === "stack") return false;
    const field = Reflect.getOwnPropertyDescriptor(error, key);
    return field?.get !== undefined || scalarOf(field?.value) !== field?.value;
  });
}
