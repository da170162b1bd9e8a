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
  /** How many of those that wait do so for the next turn of the event loop. */
  #postponed = 0;
  #left = false;

  constructor(queue: AcceptQueue, options: ConnectionOptions, admits: Admits | null = null) {
    this.#queue = queue;
    this.#options = options;
    this.#admits = admits;
  }

  next(): Promise<Next> {
    if (this.#left) return Promise.resolve(DONE);
    const settings = settingsOf(this.#options);
    if (this.#postponed > 0 || (this.#queue.pending > 0 && !spend(ACCEPT_UNITS)))
      return this.#postpone(settings);
    const value = this.#queue.take(settings, this.#admits);
    if (value !== undefined) return Promise.resolve({ value, done: false });
    if (this.#queue.closed) return spend(QUEUE_UNITS) ? Promise.resolve(DONE) : inNextTurn(DONE);
    return new Promise((resolve) => {
      new Pull(settings, this.#admits, resolve).wait(this.#waiting, this.#queue);
    });
  }

  /** Pulls in the next turn of the event loop, and takes no client before: the loop may be left meanwhile. */
  #postpone(settings: LinkSettings): Promise<Next> {
    this.#postponed++;
    return new Promise((resolve, reject) => {
      const pull = new Pull(settings, this.#admits, resolve);
      pull.joinLoop(this.#waiting);
      nextTurn()
        .then(() => {
          this.#postponed--;
          pull.takeOrWait(this.#queue);
        })
        .catch(reject);
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
  #isOver = false;

  constructor(settings: LinkSettings, admits: Admits | null, resolve: (next: Next) => void) {
    this.settings = settings;
    this.admits = admits;
    this.#resolve = resolve;
  }

  /** Waits for a client, or for the end of the loop. */
  wait(inLoop: Members<Pull>, queue: AcceptQueue): void {
    this.joinLoop(inLoop);
    this.#inQueue = queue.wait(this);
  }

  /** Waits for the end of the loop, and for no client. */
  joinLoop(inLoop: Members<Pull>): void {
    this.#inLoop = inLoop.add(this);
  }

  /** Takes a client that is here, or waits for one, unless the loop has ended. */
  takeOrWait(queue: AcceptQueue): void {
    if (this.#isOver) return;
    const here = queue.take(this.settings, this.admits);
    if (here !== undefined) this.accept(here);
    else if (queue.closed) this.listenerClosed();
    else this.#inQueue = queue.wait(this);
  }

  accept(value: Connection): void {
    this.#settle({ value, done: false });
  }

  listenerClosed(): void {
    this.#settle(DONE);
  }

  #settle(next: Next): void {
    this.#isOver = true;
    this.#inLoop?.leave();
    this.#inQueue?.leave();
    this.#resolve(next);
  }
}
