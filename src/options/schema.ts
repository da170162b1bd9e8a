import { isAnyArrayBuffer } from "node:util/types";
import { isSignal, wrongType } from "./checks.js";
import { described } from "./described.js";
import { nearest } from "./nearest.js";

/** What an unknown name is repeated for: one that looks like a name. */
const NAME = /^[\w$.-]{1,64}$/;

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
