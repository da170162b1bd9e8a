import { needNotBeHandled } from "./fail-at-caller.js";

/**
 * The promise of a write that the kernel did not take at once. Nobody has to await it, but a failure that nobody hears of
 * must show elsewhere: so it knows whether anybody listens.
 */
export class Delivery extends Promise<void> {
  /** What `then` makes of it is a promise like any other. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** Whether somebody awaits it, or did. */
  heard = false;
  /** Why it failed, if it did. */
  reason: unknown;

  /** One that has failed already. */
  static failed(reason: unknown): Delivery {
    const delivery = new Delivery((_resolve, reject) => reject(reason));
    delivery.reason = reason;
    needNotBeHandled(delivery);
    return delivery;
  }

  /** `await` calls it, too. */
  override then<T = void, F = never>(
    // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- as a Promise<void> has it
    onFulfilled?: ((value: void) => T | PromiseLike<T>) | null,
    onRejected?: ((reason: unknown) => F | PromiseLike<F>) | null,
  ): Promise<T | F> {
    this.heard = true;
    return super.then(onFulfilled, onRejected);
  }
}
