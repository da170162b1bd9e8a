import { inspect } from "node:util";

/** Messages without and with a seed: an error that ends several simulations names the last one only. */
const named = new WeakMap<object, { readonly own: string; readonly whole: string }>();

/**
 * The same error, whose message and stack name the seed. What cannot be changed, such as a frozen error or a string, becomes
 * the cause of a new error.
 */
export function withSeed(thrown: unknown, seed: number): unknown {
  const suffix = `(seed ${String(seed)})`;
  if (!hasMessage(thrown))
    return new Error(`the body has thrown ${inspect(thrown)} ${suffix}`, { cause: thrown });
  const { message, stack } = thrown;
  const before = named.get(thrown);
  const own = before?.whole === message ? before.own : message;
  const whole = `${own} ${suffix}`.trimStart();
  if (!define(thrown, "message", whole)) return new Error(whole, { cause: thrown });
  named.set(thrown, { own, whole });
  if (typeof stack === "string") define(thrown, "stack", renamed(stack, message, whole));
  return thrown;
}

interface Thrown {
  readonly message: string;
  readonly stack?: unknown;
}

/** Not by `instanceof`: in the realms of Jest the errors of Node.js are no instances of `Error`. */
function hasMessage(thrown: unknown): thrown is Thrown {
  return typeof thrown === "object" && typeof (thrown as Partial<Thrown> | null)?.message === "string";
}

/** Not by assignment: the message may be a getter of the prototype, as a DOMException's is. */
function define(thrown: Thrown, name: keyof Thrown, value: string): boolean {
  return Reflect.defineProperty(thrown, name, { value, configurable: true, writable: true });
}

/** Printers show the stack, which begins with the name and the message that the error was made with. */
function renamed(stack: string, message: string, whole: string): string {
  const said = `: ${message}`;
  if (message !== "" && stack.includes(said)) return stack.replace(said, () => `: ${whole}`);
  return stack.replace(/(?:: )?$/m, () => `: ${whole}`);
}
