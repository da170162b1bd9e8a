import { cancel, clock, LONGEST_TIMER_MS, type Timer } from "./clock.js";
import { letArrive } from "./let-arrive.js";

/** How often per period the count is looked at: a silence is noticed at most this fraction of the period late. */
const SAMPLES_PER_PERIOD = 16;

/** The shortest time between two looks; a period that is less than twice as long is looked at twice. */
const SHORTEST_INTERVAL_MS = 5;

/**
 * Calls back when no byte has moved for some time, once for each silence. Moving bytes cost nothing: their count is looked
 * at now and then.
 */
export class IdleTimer {
  readonly #clock = clock;
  readonly #count: () => number;
  readonly #onSilence: () => void;
  #timer: Timer | undefined;
  #lastLook: Disposable | undefined;
  #period = 0;
  #counted = 0;
  /** When the count was last seen to change. */
  #movedAt = 0;
  /** Whether it has fired for this silence. */
  #hasFired = false;

  /** @param count - returns a number that changes with every byte */
  constructor(count: () => number, onSilence: () => void) {
    this.#count = count;
    this.#onSilence = onSilence;
  }

  /** Fires after `period` ms without a byte, and again after each later silence of that length; 0 or `Infinity`: never. */
  set(period: number): void {
    cancel(this.#timer);
    cancel(this.#lastLook);
    this.#period = period;
    if (period === 0 || period === Infinity) return;
    this.#moved();
    this.#lookLater();
  }

  #lookLater(): void {
    const shortest = Math.min(SHORTEST_INTERVAL_MS, this.#period / 2);
    const interval = Math.max(1, shortest, this.#period / SAMPLES_PER_PERIOD);
    const left = this.#movedAt + this.#period - this.#clock.now();
    const wait = this.#hasFired ? interval : Math.min(interval, Math.max(1, left));
    this.#timer = this.#clock.setTimeout(() => this.#look(), Math.min(wait, LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  #look(): void {
    if (this.#count() !== this.#counted) this.#moved();
    if (this.#hasFired || this.#clock.now() - this.#movedAt < this.#period) this.#lookLater();
    else this.#lastLook = letArrive(this.#clock, () => this.#fireIfSilent());
  }

  #fireIfSilent(): void {
    const isSilent = this.#count() === this.#counted;
    if (isSilent) this.#hasFired = true;
    else this.#moved();
    this.#lookLater();
    if (isSilent) this.#onSilence();
  }

  #moved(): void {
    this.#counted = this.#count();
    this.#movedAt = this.#clock.now();
    this.#hasFired = false;
  }
}
