import type { AcceptQueue, Admits, Claim } from "./queue.js";
import { settingsOf, type ConnectionOptions } from "../options/connection.js";
import type { Connection } from "../connection.js";
import { ACCEPT_UNITS, inNextTurn, nextTurn, QUEUE_UNITS, spend } from "../core/timing/budget.js";
import type { LinkSettings } from "../core/link-settings.js";
import { Members, type Member } from "../core/members.js";

type Next = IteratorResult<Connection, undefined>;

const DONE: Next = { value: undefined, done: true };

/** The iterator of `for await (const connection of listener)`. Leaving the loop ends its own waits and nothing else. */
export class AcceptLoop implements AsyncIterableIterator<Connection, undefined> {
  readonly #queue: AcceptQueue;
  readonly #options: ConnectionOptions;
  readonly #admits: Admits | null;
  readonly #waiting = new Members<Pull>();
  #left = false;

  constructor(queue: AcceptQueue, options: ConnectionOptions, admits: Admits | null = null) {
    this.#queue = queue;
    this.#options = options;
    this.#admits = admits;
  }

  next(): Promise<Next> {
    if (this.#left) return Promise.resolve(DONE);
    const settings = settingsOf(this.#options);
    const value = this.#queue.take(settings, this.#admits);
    if (value !== undefined) {
      const next: Next = { value, done: false };
      return spend(ACCEPT_UNITS) ? Promise.resolve(next) : nextTurn().then(() => next);
    }
    if (this.#queue.closed) return spend(QUEUE_UNITS) ? Promise.resolve(DONE) : inNextTurn(DONE);
    return new Promise((resolve) => {
      new Pull(settings, this.#admits, resolve).wait(this.#waiting, this.#queue);
    });
  }

  return(): Promise<Next> {
    this.#left = true;
    for (const pull of this.#waiting.values) pull.listenerClosed();
    return Promise.resolve(DONE);
  }

  /** Leaves the loop, and rejects with `error` as a generator's does. */
  async throw(error: unknown): Promise<Next> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** A call of `next()` that waits for a client. */
class Pull implements Claim {
  readonly settings: LinkSettings;
  readonly admits: Admits | null;
  readonly #resolve: (next: Next) => void;
  #inLoop: Member<Pull> | null = null;
  #inQueue: Member<Claim> | null = null;

  constructor(settings: LinkSettings, admits: Admits | null, resolve: (next: Next) => void) {
    this.settings = settings;
    this.admits = admits;
    this.#resolve = resolve;
  }

  /** Waits for a client, or for the end of the loop. */
  wait(inLoop: Members<Pull>, queue: AcceptQueue): void {
    this.#inLoop = inLoop.add(this);
    this.#inQueue = queue.wait(this);
  }

  accept(value: Connection): void {
    this.#settle({ value, done: false });
  }

  listenerClosed(): void {
    this.#settle(DONE);
  }

  #settle(next: Next): void {
    this.#inLoop?.leave();
    this.#inQueue?.leave();
    this.#resolve(next);
  }
}
