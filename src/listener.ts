import type { Server } from "node:net";
import type * as tls from "node:tls";
import { inspect } from "node:util";
import type { Pipeline } from "./accept/arrival.js";
import { AcceptLoop } from "./accept/loop.js";
import type { AcceptQueue, Claim } from "./accept/queue.js";
import { Servers } from "./accept/server.js";
import { illegalConstructor, wrongValue } from "./options/checks.js";
import { checkSetTls } from "./options/tls.js";
import type { TlsServer } from "./tls/server.js";
import { checkedOperation, type OperationOptions } from "./options/operation.js";
import { waitWithin, type Wait } from "./core/timing/bounded.js";
import { settingsOf } from "./options/connection.js";
import type { Connection } from "./connection.js";
import { ACCEPT_UNITS, nextTurn, rejectedInTime, spend } from "./core/timing/budget.js";
import { failAtCaller } from "./core/timing/fail-at-caller.js";
import { onceClosed } from "./core/transport/claimed-sockets.js";
import { descriptorOf } from "./core/transport/node-internals.js";
import { joinHostPort, shownPath } from "./address/endpoint.js";
import { aborted, refused, type NetError, type Subject } from "./errors.js";
import { lineOf, type Style } from "./inspection.js";
import type { ListenOptions } from "./options/listen.js";
import { getParameters } from "./parameters.js";

/**
 * Where a listener listens: a literal address, as IPv4 also where IPv6 maps it, or the path of a Unix socket, which is empty
 * for one that was given by its descriptor.
 */
export type ListenerAddress =
  | {
      /** A literal address; the zone of a link-local one is part of it. */
      readonly address: string;
      /** The port, also where the system has chosen it. */
      readonly port: number;
      /** The family of the address. */
      readonly family: 4 | 6;
    }
  | {
      /** The path of the Unix socket; `""` for one that was given by its descriptor. */
      readonly path: string;
    };

/** What a listener says of itself: {@link Listener.toJSON}. */
export interface ListenerFacts {
  /** The first of the addresses. */
  readonly address: ListenerAddress;
  /** All of the addresses: several where a name has several. */
  readonly addresses: readonly ListenerAddress[];
  /** `"closed"` from the call to `close()` on. */
  readonly state: "open" | "closed";
  /** Clients that wait to be accepted. */
  readonly pending: number;
  /** Clients that were reset, or lost, before they could be accepted. */
  readonly dropped: number;
}

/** How many clients a listener has had: {@link Listener.stats}. It stays as it was when it was asked for. */
export interface ListenerStats {
  /** Clients that became connections of the program. */
  readonly accepted: number;
  /**
   * Those of them whose sockets are open in this process: also those of connections that were detached, which are the
   * program's own sockets since.
   */
  readonly open: number;
  /** Clients that were reset because `backlog` others waited, or were lost: {@link Listener.dropped}. */
  readonly dropped: number;
  /** Clients that were turned away, by reason. The channel `tcp6:listener:refused` tells of each. */
  readonly refused: {
    /**
     * Their PROXY header was wrong, their TLS handshake has failed, they have left in them, or both were not done within
     * `handshakeTimeout`.
     */
    readonly handshake: number;
    /** The `blockList` has their address. */
    readonly blocked: number;
    /** `serve` had `perAddress` others of their address. */
    readonly perAddress: number;
    /** `maxConnections` others were open. Those that a `maxConnections` of the `server` turns away are not counted. */
    readonly maxConnections: number;
  };
}

/** @internal What a listener is made of. */
export type ListenerParts = [
  servers: Servers,
  addresses: readonly ListenerAddress[],
  subject: Subject,
  options: ListenOptions,
  tls: TlsServer | undefined,
];

/** @internal What takes clients out of a listener. */
export interface Acceptance {
  readonly pipeline: Pipeline;
  readonly options: ListenOptions;
  /** How errors name the listener. */
  readonly subject: Subject;
}

/** @internal For what this library builds on listeners. */
export let acceptanceOf: (listener: Listener) => Acceptance;

/** @internal A listener on servers that are listening. */
export let listenerOf: (...parts: ListenerParts) => Listener;

/**
 * Accepts connections: one with each {@link accept}, or all in a loop, `for await (const connection of listener)`. `serve`
 * is that loop with limits, contained errors and an orderly end.
 *
 * Node takes clients from the kernel whether or not the program asks for them. Those that no call has accepted wait here,
 * unread, at most `backlog` of them. A client that comes when there is no room is reset, and counted in {@link dropped}.
 *
 * @example
 * await using listener = await listen(8080);
 * await using connection = await listener.accept({ timeout: 10_000 });
 */
export class Listener implements AsyncIterable<Connection>, AsyncDisposable {
  /** Where it listens; of several {@link addresses} the first. */
  readonly address: ListenerAddress;
  /** Where it listens, one or more: all addresses of the name that `listen` was given, each on the same port. */
  readonly addresses: readonly ListenerAddress[];

  readonly #servers: Servers;
  readonly #options: ListenOptions;
  readonly #subject: Subject;
  readonly #queue: AcceptQueue;
  readonly #closed: Promise<void>;
  readonly #tls: TlsServer | undefined;

  static {
    // Not by its name: a bundler renames a class that names itself.
    listenerOf = (...parts) => new this(...parts);
    acceptanceOf = (listener) => ({
      pipeline: listener.#servers.pipeline,
      options: listener.#options,
      subject: listener.#subject,
    });
  }

  private constructor(...[servers, addresses, subject, options, tls]: ListenerParts) {
    if (!((servers as unknown) instanceof Servers)) throw illegalConstructor("Listener", "listen()");
    this.#servers = servers;
    this.address = addresses[0] as ListenerAddress;
    this.addresses = Object.freeze([...addresses]);
    this.#subject = subject;
    this.#queue = servers.queue;
    this.#options = options;
    this.#tls = tls;
    this.#closed = allClosed(servers.bound);
  }

  /**
   * The `net.Server` that it is made on. Of several addresses, its `address()` is the first; its events, its
   * `maxConnections` and its methods are about the clients of all of them.
   */
  get server(): Server {
    return this.#servers.first;
  }

  /**
   * The `tls.Server` that does the handshakes; `undefined` without TLS. It listens nowhere itself: its `address()`, `close()` and
   * `maxConnections` are of no use. It is there for `addContext`, ticket keys and the events `'keylog'`, `'newSession'`,
   * `'resumeSession'` and `'OCSPRequest'`. A secure context is replaced by {@link setTls}, which knows what was there before.
   */
  get tlsServer(): tls.Server | undefined {
    return this.#tls?.server;
  }

  /** The port it listens on, the same at all addresses; `0` for a Unix socket, which has none. */
  get port(): number {
    return "port" in this.address ? this.address.port : 0;
  }

  /** The descriptor, of several addresses that of the first; `undefined` once closed, and on platforms without descriptors. */
  get fd(): number | undefined {
    return descriptorOf(this.server);
  }

  /** Whether {@link accept} would resolve without waiting. This is CHICKEN's `tcp-accept-ready?`. */
  get acceptReady(): boolean {
    return this.#queue.pending > 0;
  }

  /** How many clients wait to be accepted. Some of them may have left again. */
  get pending(): number {
    return this.#queue.pending;
  }

  /**
   * How many clients were reset because `backlog` others waited, or were lost because Node could not accept them. When no
   * descriptor is left (`EMFILE`), libuv accepts a client and closes it without a word: such clients are not counted.
   */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /**
   * How many connections are open: those that were accepted, also after `detach()` until their sockets close, those that
   * wait to be accepted, and those in their TLS handshake. `maxConnections` bounds this number.
   */
  get connections(): number {
    return this.#servers.connections;
  }

  /**
   * How many clients there were, and what became of them: a snapshot. Clients that wait, or are in their TLS handshake, are
   * in none of the counts. Nor are those that are reset because the listener is closed.
   */
  get stats(): ListenerStats {
    const { queue, refused } = this.#servers.pipeline;
    const { accepted, dropped } = queue;
    return Object.freeze({
      ...{ accepted, open: this.#servers.open, dropped },
      refused: Object.freeze({ ...refused }),
    });
  }

  /**
   * Resolves to a connection with the next client. Calls that wait are served in the order in which they were made.
   *
   * The connection captures the parameters that are in force at this call.
   *
   * @param options.timeout - most ms to wait: `0` takes only a client that is here already, `Infinity` waits for ever.
   *   Without it, the listener's `acceptTimeout`, or else the parameter of that name, `Infinity` by default
   * @throws NetTimeoutError if time ran out, and what `signal` was aborted with: no client is lost, accept again when you
   *   like
   * @throws NetError `ERR_CLOSED` if the listener is closed, or is closed while this waits
   */
  async accept(options?: OperationOptions): Promise<Connection> {
    let asked: OperationOptions;
    try {
      asked = checkedOperation(options);
    } catch (error) {
      return await rejectedInTime(error);
    }
    const { signal, timeout = this.#options.acceptTimeout ?? getParameters().acceptTimeout } = asked;
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
      const claim: Claim = { settings, admits: null, accept: resolve, listenerClosed };
      const waiting = this.#queue.wait(claim);
      return () => waiting.leave();
    };
    return await waitWithin("accept", this.#subject, { timeout, signal }, wait);
  }

  /**
   * Iterates over the connections to come, until the listener is closed. `break` leaves the listener open. The
   * `acceptTimeout` does not apply: that no client comes is no failure of a loop.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Connection> {
    return new AcceptLoop(this.#queue, this.#options);
  }

  /**
   * Replaces the certificate, or anything else of the secure context, for the clients to come. Connections go on, and so do
   * handshakes that have begun.
   *
   * What is not given stays as it is: `ca`, `minVersion`, `ciphers` and the like. The certificate and its key (`key`,
   * `cert`, `pfx`, `passphrase` …) are replaced together. Sessions of before can be resumed, unless other `ticketKeys` are
   * given. Contexts that were added to the {@link tlsServer} stay.
   *
   * @example listener.setTls({ key: await readFile("key.pem"), cert: await readFile("cert.pem") });
   *
   * @throws TypeError for wrong options; for `requestCert`, `rejectUnauthorized`, `ALPNProtocols`, `ALPNCallback`,
   *   `SNICallback`, `pskCallback`, `pskIdentityHint`, `enableTrace` and `highWaterMark` unless they are as `listen` was given
   *   them, since no secure context has them; if no certificate or no version of TLS would be left; and for a listener
   *   without TLS
   * @throws NetError with operation `"tls"` for a key, a certificate, a cipher or a version that OpenSSL does not take; all
   *   stays as it was
   */
  setTls(options: tls.TlsOptions): void {
    if (this.#tls === undefined) throw wrongValue("setTls", "called on a listener with the option tls", this);
    checkSetTls(options);
    this.#tls.setTls(options, this.#subject);
  }

  /**
   * Stops listening; resolves when the port is free to be bound again, at all addresses. Calling it again waits for the same.
   *
   * `for await` loops end, calls of {@link accept} that wait reject with `ERR_CLOSED`, and clients that no call has
   * accepted are reset. Connections stay open.
   */
  close(): Promise<void> {
    if (!this.#queue.closed) this.server.close();
    return this.#closed;
  }

  /** `await using`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves when the listener is closed, by {@link close} or through {@link server}. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** Has the open listener keep the process alive, as it does from the start. */
  ref(): this {
    this.server.ref();
    return this;
  }

  /** Lets the process end while the listener is open. */
  unref(): this {
    this.server.unref();
    return this;
  }

  /** `"127.0.0.1:80"`, of several addresses `"127.0.0.1:80, [::1]:80"`, or the path of a Unix socket. */
  toString(): string {
    return #queue in this ? joined(this.addresses) : Object.prototype.toString.call(this);
  }

  /** The addresses, state and counts, which `console.log` and `util.inspect` print in one line. */
  toJSON(): ListenerFacts {
    if (!(#queue in this)) return {} as ListenerFacts;
    const { closed, pending, dropped } = this.#queue;
    const { address, addresses } = this;
    return { address, addresses, state: closed ? "closed" : "open", pending, dropped };
  }

  /** @internal */
  [inspect.custom](depth: number, style: Style): unknown {
    if (!(#queue in this)) return this;
    const { state, pending, dropped } = this.toJSON();
    return lineOf("Listener", this.toString(), { state, pending, dropped }, depth, style);
  }

  #closedError(): NetError {
    return refused("accept", this.#subject, "ERR_CLOSED", "the listener is closed");
  }
}

/** The words for some addresses: `"127.0.0.1:80, [::1]:80"`. */
export function joined(addresses: readonly ListenerAddress[]): string {
  const words = addresses.map((one) =>
    "path" in one ? shownPath(one.path) : joinHostPort(one.address, one.port),
  );
  return words.join(", ");
}

/** Resolves when all of the servers have closed. */
async function allClosed(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => onceClosed(server, resolve))));
}
