/** Sends every line back. */
import { listen, serve, type ListenOptions } from "../../../src/index.js";
import { LOCALHOST } from "../../../__tests__/support/certificates.js";
import { echo } from "./handlers.js";
import { told, watch } from "./watched.js";

interface Told extends Omit<ListenOptions, "tls"> {
  readonly tls?: true;
  /** Most ms until a line is whole. */
  readonly lineTimeout?: number;
}

const { tls, lineTimeout, ...options } = told() as Told;
const listener = await listen(0, { host: "127.0.0.1", ...options, tls: tls && LOCALHOST });

watch(() => listener);
// Slow clients and those that leave are errors of handlers.
await serve(listener, echo(lineTimeout), { onError: () => undefined });
