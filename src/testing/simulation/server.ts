import { AsyncResource } from "node:async_hooks";
import { EventEmitter } from "node:events";
import type { AddressInfo, ListenOptions } from "node:net";
import { familyOf } from "../../address/endpoint.js";
import { UNSPECIFIED } from "../../address/resolve.js";
import { systemError } from "../../core/transport/system-error.js";
import { Endpoint } from "./endpoint.js";
import type { Kernel, Listening } from "./kernel.js";
import { canonicalAddress, textOf, type End } from "./packet.js";
import { covers } from "./ports.js";
import type { SimulatedProcess } from "./process.js";
import { SimulatedSocket } from "./simulated-socket.js";
import { SimulatedTransport } from "./transport.js";

/** How often Linux waits for the last step of a handshake (tcp_synack_retries): for 1, 2, 4 … s, 63 s in all. */
const HANDSHAKE_WAITS = 6;
const FIRST_WAIT_MS = 1_000;

/** A server of a simulated host: the methods and events of a `net.Server` that listeners use. */
export class SimulatedServer extends EventEmitter implements Listening {
  readonly #process: SimulatedProcess;
  readonly #host: Kernel;
  readonly #scope = new AsyncResource("tcp6.simulated");
  #bound: End | null = null;
  /** Whether IPv4 clients come to `::` as well. */
  #isDual = false;
  #backlog = 0;
  /** Clients whose handshake is under way, and those that the program has not been given. */
  #waiting = 0;

  constructor(host: Kernel, process: SimulatedProcess) {
    super();
    this.#host = host;
    this.#process = process;
  }

  get listening(): boolean {
    return this.#bound !== null;
  }

  /** Whether it has one address, and not all. */
  get isExact(): boolean {
    return this.#bound !== null && !UNSPECIFIED.includes(this.#bound.address);
  }

  /** What it listens on, for the report of a simulation. */
  override toString(): string {
    return this.#bound === null ? "closed" : textOf(this.#bound);
  }

  address(): AddressInfo | null {
    if (this.#bound === null) return null;
    const { address, port } = this.#bound;
    return { address, port, family: `IPv${String(familyOf(address))}` };
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  listen(options: ListenOptions & { readonly reusePort?: boolean }): this {
    const { port = 0, backlog = 511, ipv6Only = false, path, reusePort = false } = options;
    const host = canonicalAddress(options.host ?? "::");
    const isDual = host === "::" && !ipv6Only;
    if (this.#process.isGone) return this;
    if (path !== undefined) return this.#refuse("Unix sockets", path);
    if (reusePort) return this.#refuse("ports that several servers share", host);
    if (!UNSPECIFIED.includes(host) && !this.#host.has(host)) return this.#fail("EADDRNOTAVAIL", host, port);
    const chosen = port === 0 ? this.#host.freePort(host, isDual) : port;
    if (chosen === undefined || !this.#host.canBind({ address: host, port: chosen }, isDual))
      return this.#fail("EADDRINUSE", host, port);
    this.#bound = { address: host, port: chosen };
    this.#isDual = isDual;
    this.#backlog = backlog;
    this.#host.servers.add(this);
    this.#host.note(`listens on ${textOf(this.#bound)}`);
    this.#soon(() => this.emit("listening"));
    return this;
  }

  close(callback?: (error?: Error) => void): this {
    if (callback !== undefined) this.once("close", callback);
    // The host has forgotten the servers of a program that has crashed.
    if (this.#bound === null || this.#process.isGone) return this;
    this.#host.note(`no longer listens on ${textOf(this.#bound)}`);
    this.#bound = null;
    this.#host.servers.delete(this);
    this.#soon(() => this.emit("close"));
    return this;
  }

  /** Whether clients of an address and a port come here. */
  takes({ address, port }: End): boolean {
    const bound = this.#bound;
    return bound?.port === port && covers(bound.address, this.#isDual, address);
  }

  /** A client has begun its handshake. */
  receiveSyn(to: End, from: End): void {
    if (this.#waiting > this.#backlog) {
      this.#host.note(`has no room for ${textOf(from)} in the queue of ${textOf(to)}`);
      return;
    }
    this.#waiting++;
    const endpoint = new Endpoint(this.#host, to, from, false);
    let isWaiting = true;
    const left = (): void => {
      if (isWaiting) this.#waiting--;
      isWaiting = false;
    };
    endpoint.user = {
      opened: () => {
        this.#host.note(`a client has connected: ${textOf(from)}`);
        this.#soon(() => {
          left();
          this.#accept(endpoint);
        });
      },
      refused: left,
      arrived: () => undefined,
      progress: () => undefined,
      failed: () => undefined,
    };
    const wait = (waits: number): void => {
      if (!endpoint.isOpening) return;
      if (waits < HANDSHAKE_WAITS) {
        endpoint.schedule(() => wait(waits + 1), FIRST_WAIT_MS * 2 ** waits + endpoint.queued);
        return;
      }
      left();
      endpoint.vanish();
    };
    wait(0);
    endpoint.receive({ kind: "syn", from, to });
  }

  #accept(endpoint: Endpoint): void {
    if (!this.listening) {
      endpoint.reset();
      return;
    }
    const socket = new SimulatedSocket(new SimulatedTransport(endpoint, this.#process), true);
    socket.server = this;
    this.emit("connection", socket);
  }

  /** Whether another server cannot listen beside it. */
  conflicts({ address, port }: End, isDual: boolean): boolean {
    const bound = this.#bound;
    if (bound?.port !== port) return false;
    return covers(bound.address, this.#isDual, address) || covers(address, isDual, bound.address);
  }

  #fail(code: "EADDRINUSE" | "EADDRNOTAVAIL", address: string, port: number): this {
    const error = Object.assign(systemError(code, "listen"), { address, port });
    this.#soon(() => this.emit("error", error));
    return this;
  }

  #refuse(what: string, address: string): this {
    const error = systemError("ENOTSUP", "listen");
    error.message += `: simulated hosts have no ${what}`;
    this.#soon(() => this.emit("error", Object.assign(error, { address })));
    return this;
  }

  /** Runs `act` where the server was made, in a later turn. */
  #soon(act: () => void): void {
    this.#process.soon(() => this.#scope.runInAsyncScope(act));
  }
}
