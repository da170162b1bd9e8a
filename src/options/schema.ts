import { isAnyArrayBuffer, isPromise } from "node:util/types";
import { isSignal, isUrl, unknownName, wrongType, type Check } from "./checks.js";
import { classNameOf, described } from "./described.js";
import { nearest } from "./nearest.js";

/** A check for each option of `T`: a table that forgets one does not compile. */
export type Checks<T> = { readonly [Name in keyof Required<T>]: Check };

/** Each option of `T`, `undefined` where it was not given: a copy that forgets one does not compile. */
export type Complete<T> = { [Name in keyof Required<T>]: T[Name] };

/** What the errors say about an object of options, or of the parts of an endpoint. */
export interface Words {
  /** What the names stand for: `"option"` by default. */
  readonly kind?: string;
  /** The argument that is the object: `"options"` by default. */
  readonly argument?: string;
  /** All that the argument may be, where that is not just an object with such names. */
  readonly forms?: string;
  /** Where a name belongs that callers look for here. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** What to call or give instead of memory, of a function, of a number, or of text, in place of the options. */
  readonly insteadOfBytes?: string | undefined;
  readonly insteadOfFunction?: string | undefined;
  readonly insteadOfNumber?: string | undefined;
  readonly insteadOfText?: string | undefined;
}

/** The names that an object may have. */
export interface Names extends Words {
  readonly names: readonly string[];
}

/** The options of `T`: their names, and how each is checked. */
export interface Schema<T extends object> extends Names {
  readonly checks: Checks<T>;
}

export function schemaOf<T extends object>(checks: Checks<T>, words: Words = {}): Schema<T> {
  return { ...words, names: Object.keys(checks), checks };
}

/**
 * The options as they are at the call, checked; those that are not given are `undefined`. `copy` reads each of them once:
 * a getter might answer otherwise the next time, and what the caller changes later must change nothing here.
 */
export function checkedOptions<T extends object>(
  given: unknown,
  schema: Schema<T>,
  copy: (given: T) => Complete<T>,
): Complete<T> {
  if (given === undefined) return copy({} as T);
  checkOptions(given, schema);
  refuseUnknown(given, schema);
  const options = copy(given as T);
  for (const name of schema.names as readonly (keyof T & string)[]) {
    const value: unknown = options[name];
    if (value !== undefined) schema.checks[name](name, value);
  }
  return options;
}

/** That `value` can have options: most objects can. The names are another matter: see {@link refuseUnknown}. */
export function checkOptions(value: unknown, known: Names): asserts value is object | undefined {
  if (value === undefined || (typeof value === "object" && value !== null)) return;
  throw notOptions(value, known, insteadOf(typeof value, known));
}

function insteadOf(type: string, words: Words): string | undefined {
  const { insteadOfFunction = "there are no callbacks, use await", insteadOfNumber, insteadOfText } = words;
  if (type === "function") return insteadOfFunction;
  return type === "number" ? insteadOfNumber : type === "string" ? insteadOfText : undefined;
}

/** An error repeats an unknown name only if it looks like a name. */
const NAME = /^[\w$.-]{1,64}$/;

/**
 * Refuses an object with an unknown name, whatever its value, and an object that holds no options: memory, a list, a
 * connection or anything else to iterate over, a promise, a signal, a URL. Otherwise a misspelt option would be ignored in
 * silence.
 *
 * @throws TypeError `ERR_INVALID_ARG_VALUE` that repeats the unknown name, and says which one was probably meant
 */
export function refuseUnknown(given: object, known: Names): void {
  const isBytes = ArrayBuffer.isView(given) || isAnyArrayBuffer(given);
  if (isBytes) throw notOptions(given, known, known.insteadOfBytes);
  if (isIterable(given) || isPromise(given)) throw notOptions(given, known);
  if (isSignal(given)) throw notOptions(given, known, "a signal is { signal }");
  if (isUrl(given)) throw notOptions(given, known, "a URL is an endpoint, for connect and listen");
  for (const name in given) {
    if (known.names.includes(name) || isOfEveryObject(given, name)) continue;
    const shown = NAME.test(name) ? `"${name}"` : described(name);
    throw unknownName(shown, known.kind ?? "option", hintFor(name, known, given));
  }
}

function isIterable(value: object): boolean {
  return Symbol.iterator in value || Symbol.asyncIterator in value;
}

/** The name that was probably meant by an unknown one, or where it belongs, or all names. */
function hintFor(name: string, { names, elsewhere = {} }: Names, given: object): string {
  if (Object.hasOwn(elsewhere, name)) return `: ${String(elsewhere[name])}`;
  const meant = nearest(name, names);
  if (meant !== undefined) return `: did you mean "${meant}"?`;
  // Of an instance of a class, what it is says more than the name of its first field.
  const what = classNameOf(given) === undefined ? "" : `; received ${described(given)}`;
  return `; there is ${names.join(", ")}${what}`;
}

/** Whether every object has it, since a program has added it to `Object.prototype`. */
function isOfEveryObject(given: object, name: string): boolean {
  return name in Object.prototype && !Object.hasOwn(given, name);
}

function notOptions(
  given: unknown,
  { kind = "option", argument = "options", forms }: Words,
  instead?: string,
): TypeError {
  if (forms !== undefined) return wrongType(argument, forms, given);
  const expected = `an object of ${kind}s`;
  return wrongType(argument, instead === undefined ? expected : `${expected} (${instead})`, given);
}
