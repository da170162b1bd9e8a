import type { Connection } from "./connection.js";
import { failingInTime } from "./core/timing/budget.js";
import { Listener } from "./listener.js";
import { checkFunction, checkRoom, checkSignal, checkTimeout, notOurs } from "./options/checks.js";
import { checkedOptions, schemaOf, type Complete } from "./options/schema.js";
import { Service } from "./serving/service.js";

/**
 * Serves one connection, which is closed when the handler returns or its promise settles. What it resolves to is not used.
 *
 * @param context.signal - is aborted when what is left is reset: see {@link serve}. Give it to calls that do not end with
 *   the connection
 */
export type Handler = (connection: Connection, context: { readonly signal: AbortSignal }) => unknown;

/** How to serve. */
export interface ServeOptions {
  /**
   * Most connections that are served at a time. Further clients wait in the queue of the listener, unread, where its
   * `backlog` bounds them. A connection counts until its handler has settled and all that it has written is sent. At least 1.
   *
   * @default Infinity
   * @example await serve(listener, handler, { concurrency: 1_000 });
   */
  concurrency?: number | undefined;
  /**
   * Most connections of one address that are served at a time. A client that would be one too many when its turn has come is
   * reset, unread, and counted in `stats.refused.perAddress`. An IPv4 client that IPv6 maps counts by its IPv4 address. The
   * clients of a Unix socket have no address, and are not limited. At least 1.
   *
   * @default Infinity
   * @example await serve(listener, handler, { perAddress: 20 });
   */
  perAddress?: number | undefined;
  /**
   * Stops serving when it is aborted: see {@link serve}.
   *
   * @default the listener serves until it is closed
   * @example
   * const stop = new AbortController();
   * process.once("SIGTERM", () => stop.abort());
   * await serve(listener, handler, { signal: stop.signal });
   */
  signal?: AbortSignal | undefined;
  /**
   * Most milliseconds that handlers have once no more clients are accepted; then their connections are reset. `0`: they are
   * reset at once. `Infinity`: until all have settled.
   *
   * @default 10_000
   * @example await serve(listener, handler, { signal, grace: 30_000 });
   */
  grace?: number | undefined;
  /**
   * Is told what a handler has thrown, or rejected with, and which connection it had; the connection is reset. It is also
   * told of a connection whose handler went well, but whose last bytes were lost. If it throws or rejects itself, that is
   * a warning of the process.
   *
   * @default process.emitWarning(error)
   * @example await serve(listener, handler, { onError: (error, connection) => log.warn({ error, connection }) });
   */
  onError?: ((error: unknown, connection: Connection) => void) | undefined;
}

const GRACE_MS = 10_000;

const OF_LISTEN = "it is an option of listen";

const SERVE = schemaOf<ServeOptions>(
  {
    concurrency: checkRoom,
    perAddress: checkRoom,
    signal: checkSignal,
    grace: checkTimeout,
    onError: checkFunction,
  },
  {
    elsewhere: {
      maxConnections: OF_LISTEN,
      blockList: OF_LISTEN,
      backlog: OF_LISTEN,
      handshakeTimeout: OF_LISTEN,
      closeOn: OF_LISTEN,
      proxyProtocol: OF_LISTEN,
      tls: OF_LISTEN,
    },
    insteadOfNumber: "a limit is { concurrency }",
  },
);

/**
 * Calls `handler` for each client of a listener, and resolves when the listener and all these connections are closed. It
 * never rejects once it has begun.
 *
 * Handlers run beside each other. A connection is closed when its handler settles, also one that `startTls` has made of it;
 * a handler that throws or rejects has it reset, and is reported to `onError`. A connection that was detached belongs to the
 * handler.
 *
 * When the `signal` is aborted, or the listener is closed, no more clients are accepted: the listener closes, and the clients
 * that wait are reset. Handlers then have `grace` ms. After that the signal of their context is aborted, and the connections
 * that are left are reset; `serve` does not wait for a handler that goes on. An `ERR_CLOSED` or an `AbortError` that a handler
 * fails with then is not reported. A second `'abort'` event of the `signal`, or an abort of the `closeOn` of the listener, cuts
 * the grace short.
 *
 * @example
 * await serve(listener, async (connection) => {
 *   for await (const line of connection.lines()) await connection.writeLine(line);
 * });
 *
 * @throws TypeError, RangeError for wrong arguments; the listener is as it was
 */
export async function serve(listener: Listener, handler: Handler, options: ServeOptions = {}): Promise<void> {
  await failingInTime(async () => {
    if (!((listener as unknown) instanceof Listener)) {
      throw notOurs("Listener", "listener", "a Listener, which listen resolves to", listener);
    }
    checkFunction("handler", handler);
    const { concurrency = Infinity, perAddress = Infinity, grace = GRACE_MS, ...others } = checked(options);
    await new Service(listener, handler, { concurrency, perAddress, grace, ...others }).run();
  });
}

function checked(options: ServeOptions): Complete<ServeOptions> {
  return checkedOptions(options, SERVE, ({ concurrency, perAddress, signal, grace, onError }) => ({
    concurrency,
    perAddress,
    signal,
    grace,
    onError,
  }));
}
