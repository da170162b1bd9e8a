import { setMaxListeners } from "node:events";
import { limitReached } from "../accept/limits.js";
import { AcceptLoop } from "../accept/loop.js";
import type { Arrival } from "../accept/queue.js";
import type { Connection } from "../connection.js";
import { Members } from "../core/members.js";
import { waitWithin } from "../core/timing/bounded.js";
import { endOn } from "../core/timing/end-on.js";
import { reasonOfAbort, refused } from "../errors.js";
import { acceptanceOf, type Acceptance, type Listener } from "../listener.js";
import { onEachAbort } from "./abort-events.js";
import { isOfStop, report, type OnError } from "./failures.js";
import { Session, type SessionHost } from "./session.js";

/** What is called for each connection. Its result is waited for, if it is a promise. */
export type AnyHandler = (connection: Connection, context: { readonly signal: AbortSignal }) => unknown;

/** How to serve: all options, checked. */
export interface ServiceOptions {
  readonly concurrency: number;
  readonly perAddress: number;
  readonly grace: number;
  readonly signal: AbortSignal | undefined;
  readonly onError: OnError | undefined;
}

/** Calls a handler for each client of a listener, until the listener is closed. */
export class Service implements SessionHost {
  readonly #listener: Listener;
  readonly #acceptance: Acceptance;
  readonly #handler: AnyHandler;
  readonly #options: ServiceOptions;
  readonly #loop: AcceptLoop;
  /** Those whose connections are not closed. */
  readonly #sessions = new Members<Session>();
  /** How many of them count for the limits. */
  #atWork = 0;
  /** How many of these each address has; `null` if that is not limited. */
  readonly #atWorkFrom: Map<string, number> | null;
  /** Its signal is that of the context. */
  readonly #controller = new AbortController();
  readonly #context: { readonly signal: AbortSignal };
  /** `"stopping"`: the handlers have their grace. `"stopped"`: what was left is reset. */
  #stage: "serving" | "stopping" | "stopped" = "serving";
  #isAborted = false;
  #onRoom: (() => void) | null = null;
  #onIdle: (() => void) | null = null;

  constructor(listener: Listener, handler: AnyHandler, options: ServiceOptions) {
    this.#listener = listener;
    this.#acceptance = acceptanceOf(listener);
    this.#handler = handler;
    this.#options = options;
    const isLimited = options.perAddress !== Infinity;
    this.#atWorkFrom = isLimited ? new Map<string, number>() : null;
    const admits = isLimited ? (arrival: Arrival) => this.#admits(arrival) : null;
    this.#loop = new AcceptLoop(this.#acceptance.pipeline.queue, this.#acceptance.options, admits);
    const { signal } = this.#controller;
    // Any number of handlers may listen to it.
    setMaxListeners(0, signal);
    this.#context = Object.freeze({ signal });
  }

  /** Resolves when the listener and all connections are closed. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    const { closeOn } = this.#acceptance.options;
    const leave = signal === undefined ? null : onEachAbort(signal, this.#onAbort);
    const working = this.#work();
    if (closeOn !== undefined) endOn(closeOn, () => this.#stopNow(), working);
    try {
      await working;
    } finally {
      leave?.();
    }
  }

  async #work(): Promise<void> {
    if (this.#options.signal?.aborted === true) this.#onAbort();
    const closed = this.#listener.closed.then(() => this.#stop());
    await this.#acceptAll();
    await this.#drain();
    await closed;
  }

  left({ connection }: Session): void {
    this.#atWork--;
    if (this.#atWorkFrom !== null) this.#leave(this.#atWorkFrom, connection);
    if (this.#onRoom === null) return;
    this.#onRoom();
    this.#onRoom = null;
  }

  over(session: Session): void {
    session.membership?.leave();
    if (this.#sessions.size === 0) this.#onIdle?.();
  }

  failed(error: unknown, { connection }: Session): void {
    if (this.#stage === "stopped" && isOfStop(error, this.#context.signal)) return;
    report(error, connection, this.#options.onError);
  }

  async #acceptAll(): Promise<void> {
    const { concurrency } = this.#options;
    while (this.#stage === "serving") {
      if (this.#atWork >= concurrency) {
        await new Promise<void>((resolve) => (this.#onRoom = resolve));
        continue;
      }
      const next = await this.#loop.next();
      if (next.done === true) return;
      this.#begin(next.value);
    }
  }

  #begin(connection: Connection): void {
    const session = new Session(this, connection);
    this.#atWork++;
    session.membership = this.#sessions.add(session);
    // It was accepted, and everything was stopped in the same turn of the event loop.
    if (this.#stage === "stopped") {
      session.reset();
      return;
    }
    let handled: unknown;
    try {
      handled = this.#handler(connection, this.#context);
    } catch (error) {
      session.fail(error);
      return;
    }
    void session.follow(handled);
  }

  /** Counts a client under the limit for its address, or resets it. */
  #admits(arrival: Arrival): boolean {
    const counts = this.#atWorkFrom;
    const address = addressOf(arrival.addresses);
    if (counts === null || address === undefined) return true;
    const { perAddress } = this.#options;
    const count = counts.get(address) ?? 0;
    if (count < perAddress) {
      counts.set(address, count + 1);
      return true;
    }
    const errorAt = limitReached(`perAddress: ${String(perAddress)} connections of this address are open`);
    this.#acceptance.pipeline.turnAway(arrival, { reason: "perAddress", errorAt });
    return false;
  }

  #leave(counts: Map<string, number>, connection: Connection): void {
    const address = addressOf(connection);
    if (address === undefined) return;
    const count = counts.get(address) ?? 1;
    if (count > 1) counts.set(address, count - 1);
    else counts.delete(address);
  }

  readonly #onAbort = (): void => {
    if (this.#isAborted) this.#stopNow();
    this.#isAborted = true;
    this.#stop();
  };

  /** Has no more clients accepted. */
  #stop(): void {
    if (this.#stage !== "serving") return;
    this.#stage = "stopping";
    void this.#listener.close();
    void this.#loop.return();
    this.#onRoom?.();
  }

  /** Resets what is left. */
  #stopNow(): void {
    this.#stop();
    if (this.#stage === "stopped") return;
    this.#stage = "stopped";
    this.#controller.abort(this.#reason());
    for (const session of this.#sessions.values) session.reset();
  }

  #reason(): unknown {
    const { signal } = this.#options;
    const { options, subject } = this.#acceptance;
    const aborted = [options.closeOn, signal].find((one) => one?.aborted === true);
    if (aborted !== undefined) return reasonOfAbort(aborted);
    return refused("accept", subject, "ERR_CLOSED", "the listener is closed");
  }

  /** Waits until all connections are closed: after the grace they are reset. */
  async #drain(): Promise<void> {
    const { grace } = this.#options;
    if (this.#sessions.size === 0) return;
    const bound = { timeout: grace, signal: this.#context.signal };
    try {
      await waitWithin<undefined>("close", this.#acceptance.subject, bound, (resolve) => {
        this.#onIdle = () => resolve(undefined);
        return () => (this.#onIdle = null);
      });
    } catch {
      this.#stopNow();
      if (this.#sessions.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    }
  }
}

/**
 * What the limit for each address goes by. The clients of a Unix socket have none, also of one of a balancer, and are not
 * limited. A TCP client that has reset the connection may have none any more.
 */
function addressOf({ localAddress, remoteAddress, proxy }: Ends): string | undefined {
  if (remoteAddress !== undefined) return remoteAddress;
  return localAddress === undefined || proxy !== undefined ? undefined : "";
}

interface Ends {
  readonly localAddress?: string | undefined;
  readonly remoteAddress?: string | undefined;
  /** What a PROXY header has said. */
  readonly proxy?: unknown;
}
