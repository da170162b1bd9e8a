import type { Server } from "node:net";
import { AcceptLoop } from "./accept/loop.js";
import { AcceptQueue, type Claim } from "./accept/queue.js";
import { illegalConstructor } from "./options/checks.js";
import { checkedOperation, type OperationOptions } from "./options/operation.js";
import { waited, type Wait } from "./core/timing/bounded.js";
import { settingsOf } from "./options/connection.js";
import type { Connection } from "./connection.js";
import { ACCEPT_UNITS, nextTurn, rejectedInTime, spend } from "./core/timing/budget.js";
import { failAtCaller } from "./core/timing/fail-at-caller.js";
import { descriptorOf } from "./core/transport/node-internals.js";
import { aborted, refused, type NetError, type Subject } from "./errors.js";
import type { ListenOptions } from "./options/listen.js";
import { getParameters } from "./parameters.js";

/** Where a listener listens: an address, IPv4 also where IPv6 maps it, or the path of a Unix socket. */
export type ListenerAddress =
  { readonly address: string; readonly port: number; readonly family: 4 | 6 } | { readonly path: string };

/** @internal What a listener is made of. */
export type ListenerParts = [
  server: Server,
  address: ListenerAddress,
  subject: Subject,
  queue: AcceptQueue,
  options: ListenOptions,
];

/** @internal A listener on a server that is listening. */
export let listenerOf: (...parts: ListenerParts) => Listener;

/**
 * Accepts connections, one by one with {@link accept} or all in a loop, `for await (const connection of listener)`.
 *
 * Node accepts clients whether or not the program wants them, so those that nobody has claimed wait here, at most
 * `backlog` of them; what comes above that is reset and counted in {@link dropped}.
 */
export class Listener implements AsyncIterable<Connection>, AsyncDisposable {
  /** Where it listens. */
  readonly address: ListenerAddress;
  /** The `net.Server` beneath. */
  readonly server: Server;

  readonly #options: ListenOptions;
  readonly #subject: Subject;
  readonly #queue: AcceptQueue;
  readonly #closed: Promise<void>;

  static {
    // Not by its name: a bundler renames a class that names itself.
    listenerOf = (...parts) => new this(...parts);
  }

  private constructor(...[server, address, subject, queue, options]: ListenerParts) {
    if (!((queue as unknown) instanceof AcceptQueue)) throw illegalConstructor("Listener", "listen()");
    this.server = server;
    this.address = address;
    this.#subject = subject;
    this.#queue = queue;
    this.#options = options;
    this.#closed = new Promise((resolve) => server.once("close", resolve));
  }

  /** The port it listens on; 0 for a Unix socket, which has none. */
  get port(): number {
    return "port" in this.address ? this.address.port : 0;
  }

  /** The descriptor; `undefined` once closed, and where there are none. */
  get fd(): number | undefined {
    return descriptorOf(this.server);
  }

  /** Whether `accept()` has a client at once: CHICKEN's `tcp-accept-ready?`. */
  get acceptReady(): boolean {
    return this.#queue.pending > 0;
  }

  /** Clients that nobody has claimed yet; some of them may have left again. */
  get pending(): number {
    return this.#queue.pending;
  }

  /**
   * Clients that were turned away because `backlog` others were waiting, and those whom Node reports that it could not
   * accept. When no descriptor is left (`EMFILE`), libuv accepts a client, closes it and tells nobody: such clients are not
   * counted.
   */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /**
   * Resolves to the next connection. Those who wait are served first come, first served.
   *
   * The connection captures the parameters in force at this call.
   *
   * @param options.timeout - ms to wait; `0`: only a client that is here already; `Infinity`: for ever; without it,
   *   the listener's `acceptTimeout`, else the parameter of that name (`Infinity` by default)
   * @throws NetTimeoutError, and whatever `signal` was aborted with: no client is lost, accept again when you like
   * @throws NetError `ERR_CLOSED`: the listener is closed, now or while this waits
   */
  async accept(options?: OperationOptions): Promise<Connection> {
    const { signal, timeout = this.#options.acceptTimeout ?? getParameters().acceptTimeout } =
      checkedOperation(options);
    if (signal?.aborted === true) return await rejectedInTime(aborted("accept", this.#subject, signal));
    const settings = settingsOf(this.#options);
    let here = this.#queue.take(settings);
    if (!spend(ACCEPT_UNITS) && (here !== undefined || timeout === 0)) {
      await nextTurn();
      here ??= this.#queue.take(settings);
    }
    if (here !== undefined) return here;
    if (this.#queue.closed) return await rejectedInTime(this.#closedError());
    const wait: Wait<Connection> = (resolve) => {
      const listenerClosed = (): void => failAtCaller(resolve, () => this.#closedError());
      const claim: Claim = { settings, accept: resolve, listenerClosed };
      this.#queue.wait(claim);
      return () => this.#queue.leave(claim);
    };
    return await waited("accept", this.#subject, { timeout, signal }, wait);
  }

  /**
   * Iterates over the connections to come, until the listener is closed. `break` does not close it, and `acceptTimeout`
   * does not apply: an idle listener is no failure.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Connection> {
    return new AcceptLoop(this.#queue, this.#options);
  }

  /**
   * Stops listening; resolves when the port is free to be bound again. Calling it again waits for the same.
   *
   * `for await` loops end, `accept()` calls that wait reject with `ERR_CLOSED`, clients that nobody has claimed are
   * reset. Connections that were accepted stay.
   */
  close(): Promise<void> {
    if (!this.#queue.closed) this.server.close();
    return this.#closed;
  }

  /** `await using`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves when the listener is closed, by whomever. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Lets the open listener keep the process alive, as it does from the start. */
  ref(): this {
    this.server.ref();
    return this;
  }

  /** Lets the process end while the listener is open. */
  unref(): this {
    this.server.unref();
    return this;
  }

  #closedError(): NetError {
    return refused("accept", this.#subject, "ERR_CLOSED", "the listener is closed");
  }
}
