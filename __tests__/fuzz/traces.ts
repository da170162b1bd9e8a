import type { Duplex } from "node:stream";

/** What a connection may leave on a stream: listeners, and methods of the stream's own. */
export interface Traces {
  readonly listeners: ReadonlyMap<string, number>;
  readonly methods: ReadonlySet<string>;
}

export function tracesOf(stream: Duplex): Traces {
  const listeners = new Map(stream.eventNames().map((name) => [String(name), stream.listenerCount(name)]));
  const own = Object.entries(Object.getOwnPropertyDescriptors(stream));
  const methods = own.filter(([, { value }]) => typeof value === "function").map(([name]) => name);
  return { listeners, methods: new Set(methods) };
}

/** The same with a listener that is meant to stay. */
export function withListener({ listeners, methods }: Traces, name: string): Traces {
  return { listeners: new Map([...listeners, [name, (listeners.get(name) ?? 0) + 1]]), methods };
}

/** What a TLS socket gets back only when it has called back for the write that was under way: all pass calls on till then. */
const UNTIL_WRITTEN = new Set([
  ...["_write", "_writev", "_final", "push", "read", "resume"],
  ...["on", "addListener", "destroy", "ref", "unref"],
]);

/** What is on a stream that was handed over just now, and was not before. */
export function tracesOn(stream: Duplex, before: Traces): string[] {
  const { listeners, methods } = tracesOf(stream);
  const more = [...listeners].filter(([name, count]) => count > (before.listeners.get(name) ?? 0));
  const mayStay = "encrypted" in stream ? UNTIL_WRITTEN : new Set<string>();
  const strange = [...methods].filter((name) => !before.methods.has(name) && !mayStay.has(name));
  return [
    ...more.map(([name, count]) => `${String(count)} listeners of '${name}' on the stream`),
    ...strange.map((name) => `a method ${name}() on the stream`),
  ];
}

/** What is on it when it has closed. */
export function tracesLeftOn(stream: Duplex, before: Traces): string[] {
  const methods = [...tracesOf(stream).methods].filter((name) => UNTIL_WRITTEN.has(name));
  return methods.filter((name) => !before.methods.has(name)).map((name) => `a method ${name}() for good`);
}
