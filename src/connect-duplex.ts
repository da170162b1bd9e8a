import { nextTick } from "node:process";
import { argumentsOf, dialOptions, dialOptionsTo, type ConnectionDial } from "./connect.js";
import { linkOf, setDuplex, type Connection } from "./connection.js";
import { markHandled } from "./core/timing/fail-at-caller.js";
import { watch, type Cancellable, type Watch } from "./core/timing/signals.js";
import { familyOf, type AddressInfo } from "./address/endpoint.js";
import type { Candidate } from "./core/network.js";
import { dial } from "./dial/dial.js";
import type { Journal } from "./dial/journal.js";
import { NetError, reasonOfAbort, refused } from "./errors.js";
import {
  checkedConnectDuplexOptions,
  connectTarget,
  type ConnectDuplexOptions,
  type ConnectEndpoint,
} from "./options/connect.js";
import { ignore, type Done } from "./views/node-duplex.js";
import { SecureView } from "./views/secure-duplex.js";
import type { SocketDuplex } from "./views/socket-duplex.js";

/**
 * A Duplex that connects, as a `net.Socket` of `net.connect()` does: see {@link connectDuplex}.
 *
 * It emits `'lookup'` for each address of a name, as `(error, address, family, host)`, then `'connect'` and `'ready'`; or
 * `'error'` and `'close'`.
 */
export interface ConnectedDuplex extends SocketDuplex {
  /**
   * Resolves to the connection once there is one, whose `duplex` is this very object; rejects with the error of the Duplex
   * if that is destroyed before, or with `ERR_CLOSED` if that is destroyed without one. It never is an unhandled rejection.
   *
   * The errors of the Duplex are the connection's. So they need no `'error'` listener from the time that the program has
   * first asked for this promise. Until then, an error without a listener is an uncaught exception, as with every stream of
   * Node's.
   */
  readonly connection: Promise<Connection>;
  /** The addresses that were tried so far, `"127.0.0.1:80"`, in their order; empty for a Unix socket. */
  readonly autoSelectFamilyAttemptedAddresses: string[];
}

/**
 * Returns a Duplex at once, which connects as {@link connect} does: for libraries that take a function that makes a socket
 * and cannot wait for it, as `http.Agent`, `http2.connect`, pg, mysql2, mqtt, ws and ssh2 do.
 *
 * The same lookup, race, deadline and errors as those of {@link connect} stand behind it, and it is used as a `net.Socket`.
 * What is written before it has connected is sent then, in order. When it has read the end of the peer's stream, it ends its
 * own side and closes, unless `allowHalfOpen` is `true`. Its reads wait forever, unless `readTimeout` is given.
 *
 * A failure destroys the Duplex with an `'error'`: the {@link NetError} that {@link connect} rejects with; after the
 * `timeout` a {@link NetTimeoutError}; what the `signal` was aborted with. Neither has an effect once the Duplex has
 * connected. `destroy()` gives up connecting without an error: no socket is left, and none connects later.
 *
 * @example
 * const agent = new http.Agent({ keepAlive: true });
 * agent.createConnection = ({ host, port }) => connectDuplex({ host, port }, { timeout: 5_000 });
 *
 * @example
 * const client = new pg.Client({ stream: () => connectDuplex("localhost", 5432) });
 *
 * @param host - a name or a literal address
 * @param port - a number, or the name of a service such as `"https"`
 * @throws TypeError, RangeError for wrong arguments, at the call
 */
export function connectDuplex(
  host: string,
  port: number | string,
  options?: ConnectDuplexOptions,
): ConnectedDuplex;
/** The same for an endpoint: what {@link connect} takes. */
export function connectDuplex(endpoint: ConnectEndpoint, options?: ConnectDuplexOptions): ConnectedDuplex;
export function connectDuplex(
  to: ConnectEndpoint,
  portOrOptions?: number | string | ConnectDuplexOptions,
  lastOptions?: ConnectDuplexOptions,
): ConnectedDuplex {
  const { endpoint, given } = argumentsOf(to, portOrOptions, lastOptions);
  const options = checkedConnectDuplexOptions(given);
  const { allowHalfOpen = false, readAhead } = options;
  return new DialingDuplex(dialOptionsOf(endpoint, options), allowHalfOpen, readAhead);
}

/** How to dial. That there is no such service is a failure of connecting; other arguments that are wrong throw. */
function dialOptionsOf(endpoint: ConnectEndpoint, options: ConnectDuplexOptions): ConnectionDial {
  try {
    return dialOptionsTo(connectTarget(endpoint), options);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    const withoutTls = { ...options, tls: undefined };
    return dialOptions(withoutTls, { text: error.host ?? "unknown service" }, () => Promise.reject(error));
  }
}

/** Dials, and then is the Duplex of the connection. */
class DialingDuplex extends SecureView implements ConnectedDuplex {
  readonly #options: ConnectionDial;
  readonly #stop = new AbortController();
  readonly #call: Cancellable = { aborted: (signal) => this.#stop.abort(reasonOfAbort(signal)) };
  #watch: Watch | null = null;
  readonly #connection: Promise<Connection>;
  #resolve!: (connection: Connection) => void;
  #reject!: (error: unknown) => void;
  #journal: Journal | null = null;
  #isDialing = true;
  #isAskedFor = false;

  constructor(options: ConnectionDial, allowHalfOpen: boolean, readAhead: number | undefined) {
    super("ConnectedDuplex", options.subject, allowHalfOpen, readAhead);
    this.#options = options;
    this.#connection = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    markHandled(this.#connection);
  }

  get connection(): Promise<Connection> {
    if (!this.#isAskedFor) this.on("error", ignore);
    this.#isAskedFor = true;
    return this.#connection;
  }

  protected override get isSecure(): boolean {
    return this.#options.isSecure;
  }

  get autoSelectFamilyAttemptedAddresses(): string[] {
    return this.#journal?.attempted ?? [];
  }

  /** Node calls this a tick after the call, and holds back reads, writes, the end and `_destroy` until `done` is called. */
  override _construct(done: Done): void {
    if (this.destroyed) {
      done();
      return;
    }
    const { signal } = this.#options;
    if (signal?.aborted === true) this.#call.aborted(signal);
    else if (signal !== undefined) this.#watch = watch(signal, this.#call);
    // In ticks of their own: what a listener throws is an uncaught exception, as in any event.
    dial({ ...this.#options, find: this.#find, signal: this.#stop.signal }).then(
      (connection) => nextTick(() => this.#connected(connection, done)),
      (error: unknown) => nextTick(() => this.#failed(error, done)),
    );
  }

  #connected(connection: Connection, done: Done): void {
    if (this.destroyed) {
      connection.reset();
      done();
      return;
    }
    this.#dialed();
    setDuplex(connection, this);
    this.attach(linkOf(connection), connection);
    this.#resolve(connection);
    done();
    this.emitConnected();
  }

  #failed(error: unknown, done: Done): void {
    // A signal's reason may be `null` or `0`, which Node takes for no error.
    const reason = Boolean(error) ? error : this.#closed("the signal was aborted");
    if (!this.destroyed) this.destroy(reason as Error);
    done();
  }

  /** Gives up what has not connected. */
  override destroy(error?: Error | null): this {
    if (this.#isDialing) {
      this.#dialed();
      this.#reject(error ?? this.#closed());
      this.#stop.abort();
    }
    return super.destroy(error ?? undefined);
  }

  #dialed(): void {
    this.#isDialing = false;
    this.#watch?.leave();
  }

  #closed(reason = "the Duplex was destroyed"): NetError {
    return refused("connect", this.#options.subject, "ERR_CLOSED", reason);
  }

  /** Finds the candidates, and emits `'lookup'` for the addresses of a name. */
  readonly #find: ConnectionDial["find"] = async (journal, signal) => {
    this.#journal = journal;
    const { find, subject } = this.#options;
    const { host } = subject;
    if (host === undefined || familyOf(host) !== 0) return await find(journal, signal);
    let found: readonly Candidate[];
    try {
      found = await find(journal, signal);
    } catch (error) {
      if (signal?.aborted !== true) await this.#emitLookups([[error, undefined, undefined, host]]);
      throw error;
    }
    const addresses = found as readonly AddressInfo[];
    await this.#emitLookups(addresses.map(({ address, family }) => [null, address, family, host]));
    return found;
  };

  /** Resolves in the tick after these events. */
  #emitLookups(events: readonly (readonly unknown[])[]): Promise<void> {
    return new Promise((resolve) => {
      nextTick(() => {
        try {
          for (const event of events) {
            if (this.#isDialing) this.emit("lookup", ...event);
          }
        } finally {
          resolve();
        }
      });
    });
  }

  protected override get isHeld(): boolean {
    return this.#isAskedFor;
  }
}
