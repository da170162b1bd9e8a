import { isAnyArrayBuffer, isDataView, isProxy } from "node:util/types";

/** Class names of any other form are not shown: they may contain anything. */
const CLASS_NAME = /^[\w$]{1,64}$/;
/** The digits of a bigint that are shown: enough for 128 bits. */
const MAX_DIGITS = 40;

/**
 * What a value is, for the message of an error: its type and size, never its contents. A program may pass a password by
 * mistake, or a socket with the bytes of other connections in it, and messages end up in logs.
 *
 * No code of the value runs: no getter, no `toString`, no trap of a Proxy.
 */
export function described(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value === "" ? "an empty string" : `a string of ${counted(value.length, "character")}`;
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint": {
      const digits = value.toString();
      return digits.length > MAX_DIGITS ? "a bigint" : `${digits}n`;
    }
    case "function":
      return "a function";
    case "symbol":
      return "a symbol";
    case "object":
      return value === null ? "null" : describedObject(value);
    default:
      return String(value);
  }
}

/** The name of an object's class; `undefined` for plain objects, and for classes without a name that can be shown. */
export function classNameOf(value: object): string | undefined {
  if (isProxy(value)) return "Proxy";
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || isProxy(prototype)) return undefined;
  // Read as property descriptors, since either property may be a getter.
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  if (typeof made !== "function" || isProxy(made)) return undefined;
  const name: unknown = Object.getOwnPropertyDescriptor(made, "name")?.value;
  return typeof name === "string" && CLASS_NAME.test(name) && name !== "Object" ? name : undefined;
}

function describedObject(value: object): string {
  const name = classNameOf(value);
  if (name === "Proxy") return "a Proxy";
  if (ArrayBuffer.isView(value)) return withBytes(name ?? "view", viewLength(value));
  if (isAnyArrayBuffer(value)) return withArticle(name ?? "ArrayBuffer");
  if (Array.isArray(value)) return `an array of ${counted(value.length, "element")}`;
  return name === undefined ? "an object" : `an object (${name})`;
}

/** Uses the built-in getter: the object may have a `byteLength` of its own. */
function viewLength(view: ArrayBufferView): number {
  const prototype = isDataView(view) ? DataView.prototype : TYPED_ARRAY;
  try {
    return Reflect.get(prototype, "byteLength", view) as number;
  } catch {
    return 0; // A DataView whose memory is gone.
  }
}

const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as object;

function withBytes(name: string, size: number): string {
  return `${withArticle(name)} of ${counted(size, "byte")}`;
}

function withArticle(name: string): string {
  return /^[AEIOaeio]/.test(name) ? `an ${name}` : `a ${name}`;
}

function counted(count: number, unit: string): string {
  return `${String(count)} ${unit}${count === 1 ? "" : "s"}`;
}
