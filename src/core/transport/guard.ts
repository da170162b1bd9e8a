type Methods = Record<string, ((this: unknown, ...args: unknown[]) => unknown) | undefined>;

/**
 * Has what `owner[name]()` throws given to `caught`, whose result is then that of the call. For methods that the runtime
 * calls from callbacks of its own, where what they throw would be an uncaught exception: those that bind throw where the
 * process may not use the network (Node's `--permission`, Deno). Where there is no such method nothing is changed.
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
