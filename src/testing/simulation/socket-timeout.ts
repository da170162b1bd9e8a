import { cancel, type Clock, type Timer } from "../../core/timing/clock.js";

/**
 * The timeout of a simulated socket, to the millisecond. It fires once for each silence and sets no timer then, as Node's own:
 * a program that waits for a socket which has timed out waits for what can never happen.
 */
export class SocketTimeout {
  readonly #clock: Clock;
  readonly #onSilence: () => void;
  #period = 0;
  #movedAt = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, onSilence: () => void) {
    this.#clock = clock;
    this.#onSilence = onSilence;
  }

  /** Fires after `period` ms without a {@link refresh}, and again after each later silence of that length; 0: never. */
  set(period: number): void {
    cancel(this.#timer);
    this.#timer = undefined;
    this.#period = period;
    this.refresh();
  }

  /** The silence begins anew. */
  refresh(): void {
    if (this.#period === 0) return;
    this.#movedAt = this.#clock.now();
    // A timer that is set finds out when it fires.
    if (this.#timer === undefined) this.#fireIn(this.#period);
  }

  #fireIn(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      const left = this.#movedAt + this.#period - this.#clock.now();
      if (left > 0) this.#fireIn(left);
      else this.#onSilence();
    }, ms);
    this.#timer.unref();
  }
}
