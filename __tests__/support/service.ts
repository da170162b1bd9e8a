/** A listener that is served, and ends with its test. */
import {
  serve,
  type Connection,
  type Handler,
  type ListenOptions,
  type ServeOptions,
} from "../../src/index.js";
import { loopback, unusedPort } from "./peers.js";

/** What a handler was called with, and how the test has it settle. */
export interface Call {
  readonly connection: Connection;
  readonly signal: AbortSignal;
  readonly settle: () => void;
  readonly fail: (error: unknown) => void;
}

/** A handler whose calls the test settles. */
export function gate(): { readonly calls: Call[]; readonly handler: Handler } {
  const calls: Call[] = [];
  const handler: Handler = (connection, { signal }) =>
    new Promise<void>((settle, fail) => calls.push({ connection, signal, settle, fail }));
  return { calls, handler };
}

const running: { readonly stop: AbortController; readonly done: Promise<void> }[] = [];

/** Serves a listener on the loopback. `errors` are what `onError` is told, unless the test gives its own. */
export async function service(
  handler: Handler,
  options: ServeOptions = {},
  listening: ListenOptions = {},
): Promise<{
  readonly listener: Awaited<ReturnType<typeof loopback>>;
  readonly port: number;
  readonly stop: AbortController;
  readonly done: Promise<void>;
  readonly errors: unknown[];
}> {
  const listener = await loopback(listening, await unusedPort());
  const stop = new AbortController();
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const done = serve(listener, handler, { signal: stop.signal, onError, ...options });
  running.push({ stop, done });
  return { listener, port: listener.port, stop, done, errors };
}

/** For `afterEach`, after the listeners were closed: no handler keeps its connection. */
export async function endServices(): Promise<void> {
  for (const { stop, done } of running.splice(0)) {
    stop.abort();
    stop.signal.dispatchEvent(new Event("abort"));
    await done;
  }
}
