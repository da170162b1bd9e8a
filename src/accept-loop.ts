import type { Claim } from "./accept-queue.js";
import type { Connection } from "./connection.js";

/** What a pull waits with; the listener adds what is to be captured. */
export type NextClaim = Omit<Claim, "settings">;

type Next = IteratorResult<Connection, undefined>;

const DONE: Next = { value: undefined, done: true };

/** `for await (const connection of listener)`: leaving it ends its own waiting and nothing else. */
export class AcceptLoop implements AsyncIterableIterator<Connection, undefined> {
  readonly #claim: (claim: NextClaim) => () => void;
  /** Each ends a pull that waits. */
  readonly #waiting = new Set<() => void>();
  #left = false;

  /** `claim` asks for the next connection, and gives back what ends the asking. */
  constructor(claim: (claim: NextClaim) => () => void) {
    this.#claim = claim;
  }

  next(): Promise<Next> {
    if (this.#left) return Promise.resolve(DONE);
    return new Promise((resolve) => {
      const settle = (next: Next) => {
        this.#waiting.delete(leave);
        resolve(next);
      };
      const leave = () => {
        stop();
        settle(DONE);
      };
      this.#waiting.add(leave);
      const stop = this.#claim({
        accept: (value) => settle({ value, done: false }),
        closed: () => settle(DONE),
      });
    });
  }

  return(): Promise<Next> {
    this.#left = true;
    for (const leave of this.#waiting) leave();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
