type Methods = Record<string, ((this: unknown, ...args: unknown[]) => unknown) | undefined>;

/**
 * Calls `caught` with what `owner[name]()` throws, and answers its result instead. For methods that the runtime calls from
 * callbacks of its own, where an exception would be uncaught: binding throws where the process may not use the network
 * (Node's `--permission`, Deno). An owner without such a method is left as it is.
 *
 * @returns what gives the method back
 */
export function guard(owner: object, name: string, caught: (cause: unknown) => unknown): () => void {
  const methods = owner as Methods;
  const method = methods[name];
  if (typeof method !== "function") return () => undefined;
  const own = Object.getOwnPropertyDescriptor(owner, name);
  methods[name] = (...args) => {
    try {
      return method.apply(owner, args);
    } catch (error) {
      return caught(error);
    }
  };
  return () => {
    if (own === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, own);
  };
}
